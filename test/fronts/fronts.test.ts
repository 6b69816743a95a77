import { confluentCloud } from '../../src/fronts/confluent-cloud.ts'
import { confluentV3 } from '../../src/fronts/confluent-v3.ts'
import { confluent } from '../../src/fronts/confluent.ts'
import { karapace } from '../../src/fronts/karapace.ts'
import { redpanda } from '../../src/fronts/redpanda.ts'
import { strimzi } from '../../src/fronts/strimzi.ts'
import { FakeConfluent } from './fake-confluent.ts'
import type { FakeFront } from './fake-front.ts'
import { FakeKarapace } from './fake-karapace.ts'
import { FakeRedpanda } from './fake-redpanda.ts'
import { FakeStrimzi } from './fake-strimzi.ts'
import { FakeV3 } from './fake-v3.ts'
import { frontSuite } from './front-suite.ts'
import { type Started, suiteTopics } from './front-subject.ts'

const username = 'router'
const good = 'password-of-the-router'
const basic = `Basic ${btoa(`${username}:${good}`)}`
const allowPrivate = true

const startFake = async (fake: FakeFront): Promise<Started> => {
  fake.authorization = basic
  for (const topic of suiteTopics) fake.kafka.createTopic(topic, 3)
  await fake.start()
  return { url: fake.url, stop: () => fake.stop(), fake }
}

frontSuite({
  name: 'confluent',
  isFake: true,
  start: () => startFake(new FakeConfluent()),
  front: (url, password = good) => confluent({ url, username, password, allowPrivate }),
})

frontSuite({
  name: 'confluent-v3',
  isFake: true,
  start: () => startFake(new FakeV3()),
  front: (url, password = good) => confluentV3({ url, username, password, allowPrivate }),
})

frontSuite({
  name: 'confluent-cloud',
  isFake: true,
  start: () => startFake(Object.assign(new FakeV3(), { base: '/kafka/v3' })),
  front: (url, apiSecret = good) =>
    confluentCloud({ url, clusterId: 'lkc-abc12', apiKey: username, apiSecret, allowPrivate }),
})

for (const recordHeaders of [false, true])
  frontSuite({
    name: recordHeaders ? 'karapace with headers' : 'karapace',
    isFake: true,
    start: () => startFake(Object.assign(new FakeKarapace(), { headers: recordHeaders })),
    front: (url, password = good) => karapace({ url, username, password, recordHeaders, allowPrivate }),
    codes: { passing: 2 },
  })

frontSuite({
  name: 'strimzi',
  isFake: true,
  start: () => startFake(new FakeStrimzi()),
  front: (url, password = good) => strimzi({ url, username, password, allowPrivate }),
  codes: { passing: 500 },
  filledHeaders: true,
})

for (const wrapsRecords of [false, true])
  frontSuite({
    name: wrapsRecords ? 'redpanda as documented' : 'redpanda',
    isFake: true,
    start: () => startFake(Object.assign(new FakeRedpanda(), { wrapsRecords })),
    front: (url, password = good) => redpanda({ url, partitions: 3, username, password, allowPrivate }),
    codes: { passing: 7 },
    blursKeys: true,
    hasInstances: false,
    commits: false,
  })
