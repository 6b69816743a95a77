import { describe, expect, test } from 'vitest'
import { checkSettings, type Fields } from '../../src/configure/settings.ts'

const fields = {
  url: { type: 'url', about: 'Where events are sent.', insecureWhen: 'local' },
  docs: { type: 'url', about: 'A page.', optional: true },
  token: { type: 'string', about: 'Token of the account.', secret: true },
  region: { type: 'choice', about: 'Where the account lives.', choices: ['us', 'eu'], default: 'us' },
  seconds: { type: 'number', about: 'How long to wait.', default: 10, min: 1, max: 60 },
  local: { type: 'boolean', about: 'For tests.', default: false },
  headers: { type: 'headers', about: 'More headers.', optional: true },
  events: { type: 'list', about: 'Names of events.', optional: true },
  names: { type: 'texts', about: 'New names.', optional: true },
  rates: { type: 'numbers', about: 'Rates.', optional: true },
  even: {
    type: 'number',
    about: 'An even number.',
    optional: true,
    check: (value: number) => (value % 2 === 0 ? undefined : 'must be even'),
  },
} as const satisfies Fields

const good = { url: 'https://crm.ada.dev/', token: 'token-of-ada' }
const check = (more: object) => checkSettings(fields, { ...good, ...more } as typeof good)

describe('settings', () => {
  test('settings are filled up with defaults, and what is optional may be missing', () => {
    const { settings, problems } = checkSettings(fields, good)
    expect(problems).toEqual([])
    expect(settings).toEqual({ ...good, region: 'us', seconds: 10, local: false })
  })

  test('settings are kept as they were written', () => {
    const { settings } = check({ region: 'eu', seconds: 60, even: 42, headers: { 'x-shop': 'Ada' } })
    expect(settings).toMatchObject({ region: 'eu', seconds: 60, even: 42, headers: { 'x-shop': 'Ada' } })
    // The types say so, too.
    const region: 'us' | 'eu' = settings.region
    const even: number | undefined = settings.even
    expect([region, even]).toEqual(['eu', 42])
  })

  test('settings with several problems say all of them', () => {
    const { problems } = checkSettings(fields, { url: undefined, token: '', seconds: 0, color: 'red' } as never)
    expect(problems).toEqual([
      '"color" is no setting; there are: url, docs, token, region, seconds, local, headers, events, names, rates, even',
      '"url" is missing: Where events are sent.',
      '"token" is missing: Token of the account.',
      '"seconds" must be a number from 1 to 60',
    ])
  })

  test.each<[object, string]>([
    [{ token: 42 }, '"token" must be text'],
    [{ region: 'mars' }, '"region" must be one of us, eu'],
    [{ seconds: '10' }, '"seconds" must be a number, not text'],
    [{ seconds: Number.NaN }, '"seconds" must be a number, not NaN: what it is made of is no number, or is not set'],
    [{ seconds: 61 }, '"seconds" must be a number from 1 to 60'],
    [{ local: 'true' }, '"local" must be true or false'],
    [{ even: 43 }, '"even" must be even'],
    [{ events: 'Order Completed' }, '"events" must be a list of texts, not text'],
    [{ events: [] }, '"events" must not be an empty list'],
    [{ events: ['Order Completed', 7] }, '"events" must hold nothing but texts'],
    [{ names: ['Order Completed'] }, '"names" must be an object, each of whose members is text, not a list'],
    [{ names: {} }, '"names" must not be an empty object'],
    [{ names: { order: '' } }, '"names" must give "order" text'],
    [{ rates: { USD: '0.92' } }, '"rates" must give "USD" a number'],
    [{ rates: { USD: Number.NaN } }, '"rates" must give "USD" a number'],
    [{ url: 'crm.ada.dev' }, '"url" must be an http(s) URL'],
    [{ url: 'javascript:alert(1)' }, '"url" must be an http(s) URL'],
    [{ url: 'https://ada:pw@crm.ada.dev/' }, '"url" must not hold a user or password'],
    [{ url: 'http://crm.ada.dev/' }, '"url" must begin with https: (unless "local" is true, for tests)'],
    [{ docs: 'http://crm.ada.dev/', local: true }, '"docs" must begin with https:'],
    [{ docs: 'https://10.0.0.1/' }, '"docs" must name a public host: 10.0.0.1 is a private network'],
    [{ headers: 'x: y' }, '"headers" must be an object of header names and values'],
    [{ headers: ['x'] }, '"headers" must be an object of header names and values'],
    [{ headers: { 'x y': '1' } }, '"headers" has "x y", which is no name of a header'],
    [{ headers: { 'x-key': '' } }, '"headers" has no value for "x-key"'],
    [{ headers: { 'x-key': 'a\r\nx-other: b' } }, '"headers" must give "x-key" a text of printable ASCII characters'],
    [{ headers: { 'x-key': 7 } }, '"headers" must give "x-key" a text of printable ASCII characters'],
  ])('settings like %j are a problem of the config', (more, problem) => {
    expect(check(more).problems).toEqual([problem])
  })

  test('settings may name any host where the setting that allows it is true', () => {
    expect(check({ url: 'http://localhost:8787/sink', local: true }).problems).toEqual([])
    expect(check({ url: 'http://localhost:8787/sink', local: 'true' }).problems).toContain(
      '"url" must begin with https: (unless "local" is true, for tests)',
    )
  })

  test('settings are shown with secrets and the values of headers masked', () => {
    const { redacted } = check({ headers: { authorization: 'Bearer token-of-ada' } })
    expect(redacted).toEqual({
      url: 'https://crm.ada.dev/',
      token: '***',
      region: 'us',
      seconds: 10,
      local: false,
      headers: { authorization: '***' },
    })
  })

  test('settings never show a secret in a problem', () => {
    const { problems, redacted } = checkSettings(
      { pin: { type: 'choice', about: 'A pin.', choices: ['1843'], secret: true } },
      { pin: 'Lovelace' as never },
    )
    expect(problems).toHaveLength(1)
    expect(JSON.stringify([problems, redacted])).not.toContain('Lovelace')
  })
})

describe('a setting of secrets', () => {
  const rotating = {
    secret: {
      type: 'secrets',
      about: 'What signs.',
      secret: true,
      optional: true,
      check: (secret: string) => (secret.length > 3 ? undefined : 'must have more than 3 characters'),
    },
  } as const satisfies Fields

  test('a setting of secrets is one text or several, and the code gets a list of those that have a value', () => {
    const of = (secret: string | readonly (string | undefined)[]) => checkSettings(rotating, { secret }).settings.secret
    expect(of('first secret')).toEqual(['first secret'])
    expect(of(['first secret', 'next secret'])).toEqual(['first secret', 'next secret'])
    expect(of(['first secret', undefined, ''])).toEqual(['first secret'])
    expect(of(' first secret\n')).toEqual(['first secret'])
  })

  test('shows none of them', () => {
    const { redacted } = checkSettings(rotating, { secret: ['first secret', 'next secret'] })
    expect(JSON.stringify(redacted)).not.toMatch(/first|next/)
  })

  test('a setting of secrets may be left out, and none of its texts may be wrong', () => {
    expect(checkSettings(rotating, {})).toMatchObject({ settings: {}, problems: [] })
    const problems = (secret: unknown) => checkSettings(rotating, { secret } as never).problems
    expect(problems(42)).toEqual(['"secret" must be text, or a list of texts'])
    expect(problems(['first secret', 42])).toEqual(['"secret" must be text, or a list of texts'])
    expect(problems(['first secret', 'abc'])).toEqual(['"secret" must have more than 3 characters'])
  })

  test('a setting of secrets that must be there is missing when no text has a value', () => {
    const { secret } = rotating
    const { optional: _, ...needed } = secret
    expect(checkSettings({ secret: needed }, { secret: [undefined, ''] }).problems).toEqual([
      '"secret" is missing: What signs.',
    ])
  })
})
