interface Kept {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly customMetadata: Record<string, string>
}

type Verb = 'put' | 'get' | 'list' | 'delete'

/** An R2 bucket in memory, which can be made unavailable. */
export class FakeBucket {
  readonly kept = new Map<string, Kept>()
  /** Every call that was not refused, in order: `put <key>`, … */
  readonly calls: string[] = []
  /** Called before each call; what it throws or never resolves is what the bucket does. */
  before: (verb: Verb, key: string) => void | Promise<void> = () => {}
  /** Objects on a page of a listing. */
  pageSize = 1_000

  get keys(): string[] {
    return [...this.kept.keys()].toSorted()
  }

  async put(key: string, body: Uint8Array | ArrayBuffer, options: { customMetadata?: Record<string, string> } = {}) {
    await this.#call('put', key)
    this.kept.set(key, { bytes: new Uint8Array(body), customMetadata: options.customMetadata ?? {} })
  }

  async get(key: string, { range }: { range?: { offset: number; length: number } } = {}) {
    await this.#call('get', key)
    const kept = this.kept.get(key)
    if (kept === undefined) return null
    const bytes = range === undefined ? kept.bytes : kept.bytes.slice(range.offset, range.offset + range.length)
    return {
      customMetadata: kept.customMetadata,
      arrayBuffer: async () => new Uint8Array(bytes).buffer,
      body: new Blob([bytes]).stream(),
    }
  }

  async list({ prefix = '', startAfter = '', limit = 1_000 }) {
    await this.#call('list', prefix)
    const keys = this.keys.filter((key) => key.startsWith(prefix) && key > startAfter)
    const page = keys.slice(0, Math.min(limit, this.pageSize))
    const objects = page.map((key) => {
      const { bytes, customMetadata } = this.kept.get(key) as Kept
      return { key, size: bytes.byteLength, uploaded: new Date(0), customMetadata }
    })
    return { objects, truncated: page.length < keys.length }
  }

  async delete(keys: string | string[]) {
    const all = [keys].flat()
    await this.#call('delete', all.join(' '))
    for (const key of all) this.kept.delete(key)
  }

  async #call(verb: Verb, key: string): Promise<void> {
    await this.before(verb, key)
    this.calls.push(`${verb} ${key}`)
  }
}
