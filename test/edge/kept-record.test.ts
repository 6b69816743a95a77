import { expect, test } from 'vitest'
import type { KafkaMessage } from '../../src/core/kafka.ts'
import { keepRecord, type KeptRecord, messageOfKept } from '../../src/edge/kept-record.ts'

const encoder = new TextEncoder()

test('a record that was kept as a dead letter is the same message again, whatever its headers are named and hold', () => {
  const message: KafkaMessage = {
    topic: 'orders',
    partition: 2,
    offset: 7,
    timestamp: 1_795_348_800_000,
    key: encoder.encode('ada'),
    value: Uint8Array.of(0, 255),
    headers: [
      ['shop', encoder.encode('Bremen')],
      ['constructor', encoder.encode('Lovelace')],
      ['toString', Uint8Array.of(254)],
    ],
  }
  const kept = JSON.parse(JSON.stringify(keepRecord(message))) as KeptRecord
  expect(messageOfKept(kept)).toEqual(message)
})
