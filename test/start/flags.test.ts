import { describe, expect, it } from 'vitest'
import { readFlags } from '../../scripts/start/flags.ts'

const read = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  readFlags({ argv, env, cwd: '/shop', root: '/sluiceway' })

describe('the command line of npm start', () => {
  it('the command line of npm start listens on 127.0.0.1:8787 with its state beside the code when nothing is said', () => {
    expect(read([])).toEqual({
      help: false,
      json: false,
      host: '127.0.0.1',
      port: 8787,
      state: '/sluiceway/.sluiceway',
      config: undefined,
      tick: 5,
      loop: 7,
      vars: {},
    })
  })

  it('the command line of npm start takes paths from where the user is', () => {
    const { state, config } = read(['--state', 'orders', '--config', '../my.config.ts'])
    expect({ state, config }).toEqual({ state: '/shop/orders', config: '/my.config.ts' })
  })

  it('the command line of npm start prefers --port to PORT', () => {
    expect(read([], { PORT: '9000' }).port).toBe(9000)
    expect(read(['--port', '9001'], { PORT: '9000' }).port).toBe(9001)
  })

  it('the command line of npm start hands the variables of the environment that it documents to the config, and --var over them', () => {
    const env = { WEBHOOK_URL: 'https://shop.example.com/hook', POSTGRES_URL: '', HOME: '/home-of-ada', STREAM: 'log' }
    expect(read(['--var', 'STREAM=queues', '--var', 'TOKEN=a=b'], env).vars).toEqual({
      WEBHOOK_URL: 'https://shop.example.com/hook',
      STREAM: 'queues',
      TOKEN: 'a=b',
    })
  })

  it.each([
    [['--prot', '1'], "Unknown option '--prot'; npm start -- --help lists the options"],
    [['--port', '70000'], '--port must be a number from 0 to 65535, not "70000"'],
    [['--port'], "Option '--port <value>' argument missing; npm start -- --help lists the options"],
    [['--inspect', 'chrome'], '--inspect must be a number from 0 to 65535, not "chrome"'],
    [['--tick', '0'], '--tick must be seconds from 0.1 to 3600, not "0"'],
    [['--var', 'novalue'], '--var must look like NAME=value'],
  ])('the command line of npm start refuses %j with one line', (argv, message) => {
    expect(() => read(argv)).toThrow(message)
  })
})
