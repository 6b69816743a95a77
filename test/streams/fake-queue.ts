/** What Cloudflare Queues take; 1 KB has 1,000 bytes. https://developers.cloudflare.com/queues/platform/limits/ (2026-11-22) */
export const queueLimits = { messageBytes: 128_000, metadataBytes: 100, batchBytes: 256_000, messages: 100 } as const

/** A queue that refuses what the real one refuses; the local one of Miniflare takes more. */
export class FakeQueue {
  readonly bodies: string[] = []
  /** Messages of each batch. */
  readonly batches: number[] = []
  readonly refused: string[] = []

  async send(body: string): Promise<void> {
    await this.sendBatch([{ body }])
  }

  async sendBatch(messages: Iterable<{ readonly body: string }>): Promise<void> {
    const all = [...messages]
    const sizes = all.map(({ body }) => Buffer.byteLength(body) + queueLimits.metadataBytes)
    const sum = sizes.reduce((total, size) => total + size, 0)
    if (all.length > queueLimits.messages) this.#refuse(`a batch has at most ${queueLimits.messages} messages`)
    if (sizes.some((size) => size > queueLimits.messageBytes)) this.#refuse('a message is larger than 128 KB')
    if (sum > queueLimits.batchBytes) this.#refuse(`a batch of ${sum} bytes is larger than 256 KB`)
    this.bodies.push(...all.map(({ body }) => body))
    this.batches.push(all.length)
  }

  #refuse(why: string): never {
    this.refused.push(why)
    throw new Error(why)
  }
}
