import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RunningCode, Suspects } from '../../scripts/start/running-code.ts'
import { Suspensions } from '../../scripts/start/suspensions.ts'
import type { Watching } from '../../src/platform/watched-transforms.ts'
import { TransformWatch } from '../../scripts/start/transform-watch.ts'

describe('what npm start finds when a runtime does not answer', () => {
  const found = (...lines: string[]) => {
    const running = new RunningCode('token')
    for (const line of lines) expect(running.take(`token ${line}`)).toBe(true)
    return running.find()
  }

  it('what npm start finds is the transform that began and did not let go of the thread', () => {
    expect(found('1 begin tidy', '1 wait', '2 begin my score', '3 begin old', '3 end')).toEqual({
      names: ['my score'],
      isCertain: true,
    })
  })

  it('what npm start finds is the only one that waits, unless something runs without marks', () => {
    expect(found('1 begin tidy', '1 end', '2 begin score', '2 wait')).toEqual({ names: ['score'], isCertain: true })
    expect(found('unmarked', '2 begin score', '2 wait')).toEqual({ names: ['score'], isCertain: false })
  })

  it('what npm start finds is a statement that is under way, before transforms that only wait', () => {
    expect(found('1 begin score', '1 wait', '2 query tables')).toEqual({
      names: [],
      isCertain: true,
      query: 'tables',
    })
    expect(found('1 query tables', '2 begin score')).toEqual({ names: ['score'], isCertain: true })
    expect(found('1 query tables', '1 end', '2 begin score', '2 wait')).toEqual({ names: ['score'], isCertain: true })
  })

  it('what npm start finds is nothing where all have ended', () => {
    expect(found('1 begin tidy', '1 end')).toEqual({ names: [], isCertain: false })
  })

  it('what npm start finds is not told by lines of others', () => {
    expect(new RunningCode('token').take('{"message":"1 begin tidy"}')).toBe(false)
  })

  it('what npm start suspends after several hangs is what ran in each, and all that may be to blame after the third', () => {
    const suspects = new Suspects()
    expect(suspects.narrow({ names: ['tidy', 'score'], isCertain: false })).toEqual([])
    expect(suspects.narrow({ names: ['score', 'mask'], isCertain: false })).toEqual(['score'])
    const unclear = new Suspects()
    for (let i = 0; i < 2; i++) expect(unclear.narrow({ names: ['tidy', 'score'], isCertain: false })).toEqual([])
    expect(unclear.narrow({ names: ['tidy', 'score'], isCertain: false })).toEqual(['tidy', 'score'])
  })
})

describe('what npm start has suspended', () => {
  let root: string
  const said: string[] = []
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'suspensions-'))
    for (const folder of ['transforms', 'state', 'build-1', 'build-2']) mkdirSync(join(root, folder))
    const imports = [{ path: 'transforms/words.ts' }]
    const inputs = {
      'config.ts': { imports: [] },
      'transforms/score.ts': { imports },
      'transforms/words.ts': { imports: [] },
    }
    for (const build of ['build-1', 'build-2'])
      writeFileSync(join(root, build, 'meta.json'), JSON.stringify({ inputs }))
    for (const name of ['score', 'words']) writeFileSync(join(root, `transforms/${name}.ts`), 'export {}')
  })
  afterEach(() => rmSync(root, { recursive: true }))
  const open = (build = 'build-1') => {
    said.splice(0)
    return new Suspensions({
      state: join(root, 'state'),
      root,
      build: join(root, build),
      say: (line) => said.push(line),
    })
  }

  it('what npm start has suspended stays so while other code changes, until its own does, or what that imports', () => {
    open().add(['score'])
    expect(Object.keys(open('build-2').all)).toEqual(['score'])
    expect(said[0]).toMatch(/^The transform "score" \(transforms\/score\.ts\) is still suspended/)
    writeFileSync(join(root, 'transforms/words.ts'), 'export const words = []')
    expect(open('build-2').all).toEqual({})
    expect(said).toEqual(['The transform "score" (transforms/score.ts) has changed, and is run again.'])
  })

  it('what npm start has suspended without a file of its own stays so until anything changes', () => {
    open().add(['1 of the source "web"'])
    expect(Object.keys(open().all)).toEqual(['1 of the source "web"'])
    expect(open('build-2').all).toEqual({})
  })

  it('a runtime that is caught before its port is open is started again without the transform that runs in it', async () => {
    said.splice(0)
    const watch = new TransformWatch({
      state: join(root, 'state'),
      root,
      build: join(root, 'build-1'),
      say: (line) => said.push(line),
    })
    const started: ChildProcess[] = []
    const suspendedAtStart: string[][] = []
    try {
      const opened = await watch.opened(0.3, async ({ onProcess, signal }) => {
        const { token, suspended } = JSON.parse(watch.vars.WATCH_TRANSFORMS) as Watching
        suspendedAtStart.push(Object.keys(suspended))
        if ('score' in suspended) return 'open'
        const runtime = spawn(process.execPath, ['-e', 'for (;;);'])
        started.push(runtime)
        onProcess(runtime)
        watch.take(`${token} 1 begin score`)
        await once(signal, 'abort')
        throw signal.reason
      })
      expect(opened).toBe('open')
      expect(suspendedAtStart).toEqual([[], ['score']])
      expect(said.join()).toContain('The transform "score" (transforms/score.ts) did not end. It is suspended')
    } finally {
      for (const runtime of started) runtime.kill('SIGKILL')
    }
  })

  it('what a runtime says of itself before its port is open is no endless loop', async () => {
    const watch = new TransformWatch({ state: join(root, 'state'), root, build: join(root, 'build-1'), say: () => 0 })
    const broken = new Error('the config is wrong')
    await expect(watch.opened(0.3, () => Promise.reject(broken))).rejects.toBe(broken)
  })
})
