import { queues } from '../../src/streams/queues.ts'
import { streamSuite } from './stream-suite.ts'

streamSuite({
  driver: 'queues',
  limits: queues().limits,
  exceptions: { killed: 'the local queue of Miniflare is in memory; Cloudflare keeps messages durably' },
})
