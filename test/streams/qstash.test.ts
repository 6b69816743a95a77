import { afterAll } from 'vitest'
import { qstash } from '../../src/streams/qstash.ts'
import { FakeQstash } from './fake-qstash.ts'
import { currentKey, nextKey, token } from './qstash-signature.ts'
import type { StreamHarness } from './stream-harness.ts'
import { streamSuite } from './stream-suite.ts'

const url = 'http://events.example.com'
let fake: FakeQstash | undefined
let harness: StreamHarness | undefined
afterAll(() => fake?.stop())

streamSuite({
  driver: 'qstash',
  options: async () => {
    fake = await FakeQstash.start()
    fake.originOf = () => harness?.url ?? ''
    return {
      url,
      qstashUrl: fake.url,
      token,
      currentSigningKey: currentKey,
      nextSigningKey: nextKey,
      retries: 20,
      allowPrivate: true,
    }
  },
  started: (one) => (harness = one),
  setBroken: (isBroken) => {
    if (fake === undefined) return
    if (isBroken) fake.quirks.status = 503
    else delete fake.quirks.status
  },
  limits: qstash({ url: 'https://events.example.com', token, currentSigningKey: currentKey, nextSigningKey: nextKey })
    .limits,
})
