import type { ReadableLog } from '../../src/core/stream.ts'

/** What a stream that is read by offset says of its log; the partitions are what the bindings of the test give. */
export const readableLog: ReadableLog = {
  flushMs: 20,
  retentionMs: 7 * 86_400_000,
  dedupMs: 600_000,
  partition: (bindings, partition) => bindings.LOG.getByName(`${partition}`),
}
