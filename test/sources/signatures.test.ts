import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { WebhookCall, WebhookSource } from '../../src/core/webhook-source.ts'
import { closeCrm } from '../../src/sources/close-crm.ts'
import { customerio } from '../../src/sources/customerio.ts'
import { extole } from '../../src/sources/extole.ts'
import { facebookLeadAdsNative } from '../../src/sources/facebook-lead-ads-native.ts'
import { formsort } from '../../src/sources/formsort.ts'
import { github } from '../../src/sources/github.ts'
import { intercom } from '../../src/sources/intercom.ts'
import { pagerduty } from '../../src/sources/pagerduty.ts'
import { revenuecat } from '../../src/sources/revenuecat.ts'
import { slack } from '../../src/sources/slack.ts'
import { stripe } from '../../src/sources/stripe.ts'

/** How one vendor signs, written down from its documentation and not from the source. */
interface Signer {
  readonly name: string
  readonly make: (settings: { readonly secret?: string | readonly string[] }) => WebhookSource
  /** The headers for a body; `at` in seconds. */
  readonly sign: (body: Buffer, secret: string, at: number | string) => Record<string, string>
  /** The header that has the signature. */
  readonly header: string
  /** True when the time is signed as well. */
  readonly timed: boolean
  /** Joins the signatures of two secrets, where the vendor sends both while they are rotated. */
  readonly both?: (one: string, other: string) => string
}

const hmac = (hash: string, secret: string, ...parts: (string | Buffer)[]): string => {
  const mac = createHmac(hash, secret)
  for (const part of parts) mac.update(part)
  return mac.digest('hex')
}

const signers: readonly Signer[] = [
  {
    name: 'stripe',
    make: stripe,
    sign: (body, secret, at) => ({ 'stripe-signature': `t=${at},v1=${hmac('sha256', secret, `${at}.`, body)}` }),
    header: 'stripe-signature',
    timed: true,
    both: (one, other) => `${one},${other.split(',')[1] ?? ''}`,
  },
  {
    name: 'slack',
    make: slack,
    sign: (body, secret, at) => ({
      'x-slack-request-timestamp': String(at),
      'x-slack-signature': `v0=${hmac('sha256', secret, `v0:${at}:`, body)}`,
    }),
    header: 'x-slack-signature',
    timed: true,
  },
  {
    name: 'customerio',
    make: customerio,
    sign: (body, secret, at) => ({
      'x-cio-timestamp': String(at),
      'x-cio-signature': hmac('sha256', secret, `v0:${at}:`, body),
    }),
    header: 'x-cio-signature',
    timed: true,
  },
  {
    name: 'github',
    make: github,
    sign: (body, secret) => ({ 'x-hub-signature-256': `sha256=${hmac('sha256', secret, body)}` }),
    header: 'x-hub-signature-256',
    timed: false,
  },
  {
    name: 'intercom',
    make: intercom,
    sign: (body, secret) => ({ 'x-hub-signature': `sha1=${hmac('sha1', secret, body)}` }),
    header: 'x-hub-signature',
    timed: false,
  },
  {
    name: 'pagerduty',
    make: pagerduty,
    sign: (body, secret) => ({ 'x-pagerduty-signature': `v1=${hmac('sha256', secret, body)}` }),
    header: 'x-pagerduty-signature',
    timed: false,
    both: (one, other) => `${one},${other}`,
  },
  {
    name: 'close-crm',
    // Close hands out its key in hexadecimal and signs with the bytes.
    make: ({ secret: given }) =>
      closeCrm(given === undefined ? {} : { secret: [given].flat().map((one) => Buffer.from(one).toString('hex')) }),
    sign: (bytes, key, at) => ({
      'close-sig-timestamp': String(at),
      'close-sig-hash': hmac('sha256', key, String(at), bytes),
    }),
    header: 'close-sig-hash',
    timed: true,
  },
  {
    name: 'extole',
    make: extole,
    sign: (bytes, key) => ({ 'x-extole-signature': hmac('sha256', key, bytes) }),
    header: 'x-extole-signature',
    timed: false,
  },
  {
    name: 'facebook-lead-ads-native',
    make: facebookLeadAdsNative,
    sign: (bytes, key) => ({ 'x-hub-signature-256': `sha256=${hmac('sha256', key, bytes)}` }),
    header: 'x-hub-signature-256',
    timed: false,
  },
  {
    name: 'formsort',
    make: formsort,
    sign: (bytes, key) => ({
      'x-formsort-signature': createHmac('sha256', key).update(bytes).digest('base64url'),
    }),
    header: 'x-formsort-signature',
    timed: false,
  },
  {
    name: 'revenuecat',
    make: revenuecat,
    sign: (bytes, key, at) => ({
      'x-revenuecat-webhook-signature': `t=${at},v1=${hmac('sha256', key, `${at}.`, bytes)}`,
    }),
    header: 'x-revenuecat-webhook-signature',
    timed: true,
    both: (one, other) => `${one},${other.split(',')[1] ?? ''}`,
  },
]

const secret = 'a secret of the tests, 32 bytes.'
const now = Date.UTC(2026, 10, 22, 10)
const seconds = now / 1000
/** Not UTF-8 as a whole: whoever signs the text instead of the bytes gets another signature. */
const body = Buffer.concat([
  Buffer.from('{"name":"Ada Lovelace, née Byron","order":1843,"raw":"'),
  Buffer.from([0xff, 0xfe, 0x22, 0x7d]),
])

const hookOf = (headers: Record<string, string>, bytes: Buffer = body): WebhookCall => ({
  method: 'POST',
  url: '/v1/webhook',
  proto: 'HTTP/2',
  headers,
  query: {},
  bytes,
  body: undefined,
})

const faultBy =
  ({ make }: Signer) =>
  (hook: WebhookCall, settings: { readonly secret?: string | readonly string[] } = { secret }, at = now) =>
    make(settings).verify?.(hook, { now: () => at })

describe.each(signers)('a call that $name signed', (signer) => {
  const { make, sign, header } = signer
  const fault = faultBy(signer)
  const signed = sign(body, secret, seconds)

  test(`a call that ${signer.name} signed is taken`, async () => {
    expect(await fault(hookOf(signed))).toBe(undefined)
  })

  test(`a call that ${signer.name} signed is taken unsigned when there is no secret`, async () => {
    expect(await fault(hookOf({}), {})).toBe(undefined)
  })

  test(`a call that ${signer.name} signed is refused by another secret, and the reason does not hold the right one`, async () => {
    const reason = await fault(hookOf(sign(body, 'a secret of somebody else', seconds)))
    expect(reason).toBe('the signature is wrong')
    expect(reason).not.toContain(secret)
    expect(JSON.stringify(make({ secret }).redacted)).toBe('{"secret":"***"}')
  })

  test(`a call that ${signer.name} signed is taken by either of two secrets while they are rotated, and by no third`, async () => {
    const next = 'the secret that comes next'
    const both = { secret: [secret, next] }
    expect(await fault(hookOf(signed), both)).toBe(undefined)
    expect(await fault(hookOf(sign(body, next, seconds)), both)).toBe(undefined)
    expect(await fault(hookOf(sign(body, 'a secret of somebody else', seconds)), both)).toBe('the signature is wrong')
  })

  test(`a call that ${signer.name} signed is refused when any byte of the body differs`, async () => {
    for (let i = 0; i < body.length; i++) {
      const changed = Buffer.from(body)
      changed.writeUInt8(changed.readUInt8(i) ^ 1, i)
      expect(await fault(hookOf(signed, changed)), `byte ${i}`).toBe('the signature is wrong')
    }
    expect(await fault(hookOf(signed, body.subarray(0, -1)))).toBe('the signature is wrong')
    expect(await fault(hookOf(signed, Buffer.concat([body, Buffer.from('\n')])))).toBe('the signature is wrong')
  })

  test(`a call that ${signer.name} signed is refused when the signature is missing, empty, cut off, or anything else`, async () => {
    const whole = signed[header] ?? ''
    const { [header]: _, ...others } = signed
    expect(await fault(hookOf(others))).toBe('the signature is missing')
    const at = whole.lastIndexOf('=') + 1
    const cut = [whole.slice(0, at), whole.slice(0, -1), whole.slice(0, -2), whole.slice(0, at + 2)]
    const odd = ['', '=', ',', 'undefined', `${whole.slice(0, at)}${'0'.repeat(whole.length - at)}`]
    for (const one of [...cut, ...odd])
      expect(await fault(hookOf({ ...others, [header]: one })), one).toMatch(/^the signature is /)
  })
})

describe.each(signers.filter(({ timed }) => timed))('a time that $name signed', (signer) => {
  const { sign } = signer
  const fault = faultBy(signer)
  const signed = sign(body, secret, seconds)

  test(`a time that ${signer.name} signed is taken for five minutes and not a second longer, before or after`, async () => {
    for (const ago of [0, 299, 300, -300])
      expect(await fault(hookOf(sign(body, secret, seconds - ago)))).toBe(undefined)
    for (const ago of [301, 86_400, -301, 10 * 365 * 86_400])
      expect(await fault(hookOf(sign(body, secret, seconds - ago))), `${ago} s`).toBe('the signature is too old')
    expect(await fault(hookOf(signed), { secret }, now + 301_000)).toBe('the signature is too old')
  })

  test(`a time that ${signer.name} signed is refused when it is moved, missing or no number`, async () => {
    const moved = Object.fromEntries(
      Object.entries(signed).map(([key, value]) => [key, value.replace(String(seconds), String(seconds + 60))]),
    )
    expect(await fault(hookOf(moved))).toBe('the signature is wrong')
    for (const time of ['', 'NaN', 'Infinity', 'yesterday']) {
      const headers = sign(body, secret, time)
      expect(await fault(hookOf(headers)), time).toBe('the signature is too old')
    }
  })
})

describe.each(signers.filter(({ both }) => both !== undefined))('two signatures of $name', (signer) => {
  const { sign, header, both, name } = signer
  const fault = faultBy(signer)
  const signed = sign(body, secret, seconds)

  test.runIf(both !== undefined)(
    `a call of ${signer.name} is taken when one of two signatures is right, while the secret is rotated`,
    async () => {
      const other = sign(body, 'the secret that comes next', seconds)[header] ?? ''
      const right = signed[header] ?? ''
      for (const joined of [both?.(right, other), both?.(other, right)])
        expect(await fault(hookOf({ ...signed, [header]: joined ?? '' })), name).toBe(undefined)
      expect(await fault(hookOf({ ...signed, [header]: both?.(other, other) ?? '' }))).toBe('the signature is wrong')
    },
  )
})

test("Slack's own example of a signed request is taken", async () => {
  // https://api.slack.com/authentication/verifying-requests-from-slack (checked 2026-11-25)
  const example =
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
  const headers = {
    'x-slack-request-timestamp': '1531420618',
    'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
  }
  const source = slack({ secret: '8f742231b10e8888abcd99yyyzzz85a5' })
  const verify = (text: string) => source.verify?.(hookOf(headers, Buffer.from(text)), { now: () => 1_531_420_620_000 })
  expect(await verify(example)).toBe(undefined)
  expect(await verify(`${example}&admin=1`)).toBe('the signature is wrong')
})

test("GitHub's own example of a signature is taken", async () => {
  // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries (checked 2026-11-25)
  const headers = {
    'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  }
  const source = github({ secret: "It's a Secret to Everybody" })
  const verify = (text: string) => source.verify?.(hookOf(headers, Buffer.from(text)), { now: () => now })
  expect(await verify('Hello, World!')).toBe(undefined)
  expect(await verify('Hello, World?')).toBe('the signature is wrong')
})
