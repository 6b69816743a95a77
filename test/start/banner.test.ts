import { expect, test } from 'vitest'
import { banner } from '../../scripts/start/banner.ts'

const ready = {
  url: 'http://127.0.0.1:8787',
  writeKey: 'key-of-the-shop',
  adminToken: 'token-of-the-admin',
  ingest: '',
  sources: [],
  first: undefined,
  admin: 'none',
  demo: false,
} as const

test('the start prints where Kafka is served and for whom, once somebody may use it', () => {
  const said = (kafkaUsers: readonly string[]) => banner({ ...ready, kafkaUsers }, { state: '.sluiceway' })
  expect(said(['kafka', 'shop'])).toContain('Kafka        http://localhost:8787/kafka, for kafka, shop\n')
  expect(said([])).not.toContain('/kafka')
})
