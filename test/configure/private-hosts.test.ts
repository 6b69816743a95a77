import { describe, expect, test } from 'vitest'
import { defineDestination } from '../../src/configure/define-destination.ts'
import { checkSettings } from '../../src/configure/settings.ts'

const notes = defineDestination({
  name: 'notes',
  settings: { url: { type: 'url', about: 'Where notes are taken.' } },
  encode: ({ id, text }) => ({ id, text }),
  request: (items, { url }) => ({ method: 'POST', url, headers: {}, body: items.map(({ text }) => text).join() }),
})
const unless = '(unless "allowPrivate" is true, for tests)'

describe('a destination of a user on this machine', () => {
  test.each([
    ['http://localhost:9000/notes', `"url" must begin with https: ${unless}`],
    ['https://notes.internal/', `"url" must name a public host: notes.internal is a local name ${unless}`],
    ['https://10.0.0.1/', `"url" must name a public host: 10.0.0.1 is a private network ${unless}`],
  ])('a destination of a user at %s is refused with the option that allows it', (url, problem) => {
    expect(notes({ url }).problems).toEqual([problem])
    expect(notes({ url, allowPrivate: false }).problems).toEqual([problem])
  })

  test('a destination of a user sends to this machine where allowPrivate is true, without declaring it', async () => {
    const local = notes({ url: 'http://localhost:9000/notes', allowPrivate: true })
    expect(local.problems).toEqual([])
    const request = await local.request([{ id: 'order-1', text: 'Order Completed' }], { now: 1843 })
    expect(request.url).toBe('http://localhost:9000/notes')
  })

  test('a destination of a user wants true or false for allowPrivate', () => {
    expect(notes({ url: 'https://notes.ada.dev/', allowPrivate: 'yes' as never }).problems).toEqual([
      expect.stringContaining('"allowPrivate" must be true or false'),
    ])
  })

  test('settings without an address have no allowPrivate, and those that name an option of their own keep it', () => {
    const token = { token: { type: 'string', about: 'Token.' } } as const
    expect(checkSettings(token, { token: 'token-of-ada', allowPrivate: true } as never).problems.join()).toContain(
      '"allowPrivate"',
    )
    const own = {
      url: { type: 'url', about: 'A URL.', insecureWhen: 'local' },
      local: { type: 'boolean', about: 'For tests.', default: false },
    } as const
    expect(checkSettings(own, { url: 'http://localhost/', local: true }).problems).toEqual([])
    expect(checkSettings(own, { url: 'http://localhost/', allowPrivate: true } as never).problems.length).toBe(2)
  })
})
