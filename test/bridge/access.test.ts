// Who may do what through the bridge, and how the bridge logs in to the brokers.
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildBridge } from '../../scripts/build/bridge.ts'
import { repository } from '../../scripts/build/repository.ts'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { type RealKafka, realKafka } from '../support/real-kafka.ts'
import { type BridgeProcess, everything, startBridgeProcess } from './bridge-process.ts'
import { type Certificates, makeCertificates } from './certificates.ts'

const passwords = {
  shop: 'shop-password-7',
  mail: 'mail-password-8',
  admin: 'admin-token-9',
  broker: 'broker-password-6',
}
const basic = (name: string, password: string) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
const shop = basic('shop', passwords.shop)
const mail = basic('mail', passwords.mail)
const admin = `Bearer ${passwords.admin}`

describe.skipIf((await missingServer('kafka')) !== undefined)('access through the bridge', () => {
  let certificates: Certificates
  let kafka: RealKafka
  let bridge: BridgeProcess

  beforeAll(async () => {
    certificates = await makeCertificates()
    const secure = {
      keyAndCertificate: certificates.serverBundle,
      authorities: certificates.ca,
      users: { bridge: passwords.broker },
    }
    kafka = await realKafka({ secure })
    for (const topic of ['shop.orders', 'shop.refunds', 'secrets']) await kafka.createTopic(topic, 2)
    bridge = await startBridgeProcess({
      kafka: { brokers: [kafka.bootstrap] },
      users: [
        { name: 'shop', password: passwords.shop, write: ['shop.*'] },
        { name: 'mail', password: passwords.mail, read: ['shop.orders'], groups: ['mail-*'] },
      ],
      tokens: [{ name: 'admin', token: passwords.admin, ...everything }],
      log: 'debug',
    })
  }, 180_000)
  afterAll(async () => {
    await bridge?.close()
    await kafka?.stop()
    await certificates?.remove()
  })

  async function call(
    path: string,
    authorization: string,
    body?: unknown,
    method = body === undefined ? 'GET' : 'POST',
  ) {
    const answer = await fetch(`${bridge.url}${path}`, {
      method,
      headers: { authorization },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as unknown }
  }

  test('a user writes to the topics of its scope and to no other', async () => {
    const { status, body } = await call('/produce', shop, [
      { topic: 'shop.orders', partition: 1, value: 'Order Completed' },
      { topic: 'secrets', value: 'stolen' },
      { topic: 'shop.refunds', partition: 0, value: 'Order Refunded' },
    ])
    expect(status).toBe(403)
    expect(body).toMatchObject([{ offset: 0 }, { status: 403, retry: 'no' }, { offset: 0 }])
    expect((await kafka.records('shop.orders')).map(({ value }) => value?.toString())).toEqual(['Order Completed'])
    expect(await kafka.records('secrets')).toEqual([])
  })

  test('a user reads the topics of its scope in its groups, and nothing else', async () => {
    const place = { topic: 'shop.orders', partition: 1, offset: 0 }
    expect(await call('/fetch', mail, place)).toMatchObject({ status: 200, body: [{ value: 'Order Completed' }] })
    const refused: readonly (readonly [path: string, as: string, body: unknown])[] = [
      ['/fetch', mail, { ...place, topic: 'secrets' }],
      ['/fetch', shop, place],
      ['/consume/mail-1/i1', mail, { topics: ['shop.orders', 'secrets'] }],
      ['/consume/billing/i1', mail, { topic: 'shop.orders' }],
      ['/commit/mail-1/i1', mail, { ...place, topic: 'secrets' }],
      ['/committed/billing/i1', mail, place],
      ['/offsets/latest', shop, place],
      ['/delete-consumer/billing/i1', mail, {}],
    ]
    for (const [path, as, body] of refused) expect([path, (await call(path, as, body)).status]).toEqual([path, 403])
    expect((await call('/topics', mail)).body).toEqual({ 'shop.orders': 2 })
    expect((await call('/topics', shop)).body).toEqual({ 'shop.orders': 2, 'shop.refunds': 2 })
  })

  test('a user of an instance gets nothing of the topics that others have read through it', async () => {
    await kafka.produce('secrets', [{ value: 'not for mail', partition: 0 }])
    const consume = async (as: string, topic: string) => {
      const headers = { authorization: as, 'kafka-auto-offset-reset': 'earliest', 'kafka-enable-auto-commit': 'false' }
      const answer = await fetch(`${bridge.url}/consume/mail-2/i1/${topic}?timeout=5000`, { headers })
      return ((await answer.json()) as readonly { value: string }[]).map(({ value }) => value)
    }
    expect(await consume(admin, 'secrets')).toEqual(['not for mail'])
    await kafka.produce('secrets', [{ value: 'not for mail either', partition: 0 }])
    expect(await consume(mail, 'shop.orders')).toEqual(['Order Completed'])
    expect(await consume(mail, 'shop.orders')).toEqual([])
    expect(await consume(admin, 'secrets')).toContain('not for mail either')
  }, 60_000)

  test('only an admin makes topics, and a topic is made once', async () => {
    const topic = { topic: 'shop.returns', partitions: 4, configs: { 'retention.ms': 60_000 } }
    expect((await call('/topics', shop, topic)).status).toBe(403)
    expect(await call('/topics', admin, topic)).toEqual({ status: 201, body: { topic: 'shop.returns', partitions: 4 } })
    expect((await call('/topics', admin, topic)).status).toBe(409)
    expect((await call('/topics', admin, { topic: 'a b' })).status).toBe(400)
    expect((await call('/topics', admin, { topic: 'odd', configs: { 'no.such.setting': '1' } })).status).toBe(400)
    expect(await kafka.ends('shop.returns')).toHaveLength(4)
  })

  test('whoever is not known gets 401 and is told how to log in', async () => {
    for (const authorization of ['', shop.slice(0, -4), basic('shop', passwords.mail), 'Bearer wrong', 'Digest x']) {
      const answer = await fetch(`${bridge.url}/topics`, { headers: authorization === '' ? {} : { authorization } })
      expect([authorization, answer.status]).toEqual([authorization, 401])
      expect(answer.headers.get('www-authenticate')).toContain('Basic')
    }
    expect((await fetch(`${bridge.url}/health`)).status).toBe(200)
  })

  test('the log of the bridge holds no secret, no key and no value', async () => {
    await call('/produce', shop, { topic: 'shop.orders', key: 'ada@example.com', value: 'her address' })
    await call('/produce', basic('shop', 'a-wrong-guess'), { topic: 'shop.orders', value: 'x' })
    const log = JSON.stringify(bridge.log())
    expect(log).toContain('"caller":"shop"')
    for (const secret of [
      ...Object.values(passwords),
      'a-wrong-guess',
      'ada@example.com',
      'her address',
      btoa(`shop:${passwords.shop}`),
    ])
      expect(log).not.toContain(secret)
  })

  const secureConfig = (over: Record<string, unknown>) => ({
    kafka: {
      brokers: [kafka.secureBootstrap],
      tls: { ca: certificates.ca, ...certificates.client },
      ...over,
    },
    tokens: [{ name: 'admin', token: passwords.admin, ...everything }],
    limits: { deliveryMs: 3_000, requestMs: 2_000 },
  })

  test.each(['plain', 'scram-sha-256', 'scram-sha-512'])(
    'the bridge logs in with %s and a certificate of its own',
    async (mechanism) => {
      const sasl = { mechanism, username: 'bridge', password: passwords.broker }
      const secure = await startBridgeProcess(secureConfig({ sasl }))
      try {
        const answer = await fetch(`${secure.url}/produce/secrets`, {
          method: 'POST',
          headers: { authorization: admin },
          body: JSON.stringify({ partition: 0, value: `with ${mechanism}` }),
        })
        expect(answer.status).toBe(200)
        const values = (await kafka.records('secrets')).map(({ value }) => value?.toString())
        expect(values.at(-1)).toBe(`with ${mechanism}`)
      } finally {
        await secure.close()
      }
    },
    60_000,
  )

  test('brokers that refuse the bridge make /health and calls fail with the reason', async () => {
    const wrong: readonly (readonly [over: Record<string, unknown>, reason: RegExp])[] = [
      [{ sasl: { mechanism: 'plain', username: 'bridge', password: 'wrong' } }, /authenticat/i],
      [{ tls: { ca: certificates.ca, ...certificates.stranger } }, /./],
      [{ tls: true }, /certificate/i],
    ]
    for (const [over, reason] of wrong) {
      const refused = await startBridgeProcess(secureConfig(over))
      try {
        const health = await fetch(`${refused.url}/health`)
        expect(health.status).toBe(503)
        expect(((await health.json()) as { reason: string }).reason).toMatch(reason)
        const answer = await fetch(`${refused.url}/topics`, { headers: { authorization: admin } })
        expect(answer.status).toBe(503)
      } finally {
        await refused.close()
      }
    }
  }, 90_000)

  test('the bridge serves https with its own certificate, as a single file', async () => {
    const path = await buildBridge({
      ...repository,
      builds: join(tmpdir(), `sluiceway-bundle-${process.pid}`),
      say: () => {},
    })
    const secure = await startBridgeProcess(
      {
        listen: { tls: certificates.server },
        kafka: { brokers: [kafka.bootstrap], compression: 'lz4' },
        tokens: [{ name: 'admin', token: passwords.admin, ...everything }],
      },
      path,
    )
    try {
      expect(secure.url).toMatch(/^https:/)
      await kafka.createTopic('packed', 2)
      const body = JSON.stringify({ partition: 1, value: 'over https' })
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const options = { method: 'POST', ca: readFileSync(certificates.ca), headers: { authorization: admin } }
        request(`${secure.url}/produce/packed`, options, (answer) => {
          answer.resume()
          resolve(answer.statusCode)
        })
          .once('error', reject)
          .end(body)
      })
      expect(status).toBe(200)
      const place = { topic: 'packed', partition: 1, offset: 0 }
      expect((await call('/fetch', admin, place)).body).toMatchObject([{ value: 'over https' }])
    } finally {
      await secure.close()
    }
  }, 60_000)
})
