// A real Strimzi bridge before a real Kafka, where BRIDGE_LIBS names the folder `libs` of an unpacked release: it is not on Maven
// Central.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { JavaProcess } from '../../scripts/servers/java-process.ts'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { freePort } from '../../scripts/start/port.ts'
import { strimzi } from '../../src/fronts/strimzi.ts'
import { type RealKafka, realKafka } from '../support/real-kafka.ts'
import { frontSuite } from './front-suite.ts'
import { suiteTopics } from './front-subject.ts'
import { recordingCases } from './recording-cases.ts'

const libs = process.env['BRIDGE_LIBS']
const missing =
  libs === undefined ? 'BRIDGE_LIBS names no folder with the jars of a Strimzi bridge' : await missingServer('kafka')

if (missing !== undefined)
  test.skip(`a real Strimzi bridge is held to the recording and to the suite (not here: ${missing})`, () => undefined)
else
  describe('a real Strimzi bridge', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluiceway-strimzi-'))
    let kafka: RealKafka
    let bridge: JavaProcess | undefined
    let url = ''

    beforeAll(async () => {
      kafka = await realKafka()
      const port = await freePort('127.0.0.1', 0)
      url = `http://127.0.0.1:${port}`
      const config = join(folder, 'bridge.properties')
      const settings = {
        'bridge.id': 'lab',
        'kafka.bootstrap.servers': kafka.bootstrap,
        // An unknown topic or partition would hold each record for a minute.
        'kafka.producer.max.block.ms': 5_000,
        'kafka.producer.acks': 'all',
        'kafka.consumer.auto.offset.reset': 'earliest',
        'http.host': '127.0.0.1',
        'http.port': port,
        'http.consumer.enabled': true,
        'http.producer.enabled': true,
        'http.timeoutSeconds': 300,
      }
      writeFileSync(
        config,
        Object.entries(settings)
          .map(([name, value]) => `${name}=${value}\n`)
          .join(''),
      )
      bridge = new JavaProcess({
        name: 'the bridge',
        args: [
          '-Xmx256m',
          `-Dvertx.cacheDirBase=${join(folder, 'vertx')}`,
          '-cp',
          `${libs}/*`,
          'io.strimzi.kafka.bridge.Application',
          `--config-file=${config}`,
        ],
        log: join(folder, 'bridge.log'),
        seconds: 60,
        isReady: () =>
          fetch(url).then(
            ({ ok }) => ok,
            () => false,
          ),
      })
      await bridge.start()
    }, 240_000)
    afterAll(async () => {
      await bridge?.halt()
      await kafka?.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    recordingCases('the real bridge', { url: () => url, createTopic: (topic) => kafka.createTopic(topic) })

    frontSuite({
      name: 'strimzi for real',
      isFake: false,
      hasLogin: false,
      filledHeaders: true,
      start: async () => {
        const topics = suiteTopics.map((topic) => ({ topic, numPartitions: 3 }))
        await kafka.admin.createTopics({ topics, waitForLeaders: true })
        return { url, stop: async () => undefined }
      },
      front: (address) => strimzi({ url: address, allowPrivate: true }),
    })
  })
