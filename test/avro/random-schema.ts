import type { Random } from '../../scripts/bench/random.ts'

/** A value of a random schema, in the two forms in which the value of a union may be given. */
export interface Sample {
  readonly plain: unknown
  readonly wrapped: unknown
}

/** A random schema as JSON, and a generator of its values. */
export interface RandomSchema {
  readonly json: unknown
  readonly sample: () => Sample
}

interface Maker {
  readonly json: unknown
  /** The name by which a union calls it. */
  readonly name: string
  readonly make: (depth: number) => Sample
}

interface Options {
  /** Whether plain values must tell the branches of unions apart, as avsc asks for. */
  readonly isClear?: boolean
  /** Whether a long may be a bigint. */
  readonly hasBigLongs?: boolean
  readonly levels?: number
}

const both = (value: unknown): Sample => ({ plain: value, wrapped: value })
const letters = ['Ada', 'Grace', 'Order Completed', 'ß', '漢字', '🚚', '', ' ', '\u{0}', 'É'.repeat(40), '%', '"', '\\']

/** Makes random schemas. Each has its own names. */
export class SchemaGenerator {
  readonly #random: Random
  readonly #isClear: boolean
  readonly #hasBigLongs: boolean
  readonly #levels: number
  #named = 0
  readonly #defined: Maker[] = []

  constructor(random: Random, { isClear = false, hasBigLongs = false, levels = 4 }: Options = {}) {
    this.#random = random
    this.#isClear = isClear
    this.#hasBigLongs = hasBigLongs
    this.#levels = levels
  }

  next(): RandomSchema {
    this.#named = 0
    this.#defined.length = 0
    const { json, make } = this.#type(this.#levels)
    return { json, sample: () => make(0) }
  }

  text(): string {
    return Array.from({ length: this.#random.whole(0, 4) }, () => this.#random.pick(letters)).join('')
  }

  int(): number {
    const r = this.#random
    return r.pick([
      0,
      -1,
      1,
      63,
      64,
      -64,
      -65,
      2 ** 31 - 1,
      -(2 ** 31),
      r.whole(-1000, 1000),
      r.whole(-(2 ** 31), 2 ** 31 - 1),
    ])
  }

  long(): number | bigint {
    const r = this.#random
    if (this.#hasBigLongs && r.chance(0.3)) {
      const big = BigInt.asIntN(64, BigInt(`0x${r.hex(16)}`))
      return Number.isSafeInteger(Number(big))
        ? Number(big)
        : r.pick([big, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, -(2n ** 53n)])
    }
    const shift = 2 ** r.whole(0, this.#hasBigLongs ? 52 : 51)
    // Without bigints avsc writes negative numbers beyond 2^52 wrong by one.
    const most = this.#hasBigLongs ? Number.MAX_SAFE_INTEGER : 2 ** 52
    return r.pick([0, most, -most, shift, -shift, shift - 1, -shift - 1, this.int()])
  }

  double(): number {
    const r = this.#random
    return r.pick([0, -0, 1.5, 129.9, -1e300, 5e-324, Number.POSITIVE_INFINITY, Number.NaN, r.next() * 1e6])
  }

  bytes(size = this.#random.whole(0, 80)): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.#random.whole(0, 255))
  }

  #type(levels: number): Maker {
    const r = this.#random
    if (levels <= 0) return this.#primitive()
    if (this.#defined.length > 0 && r.chance(0.1)) return r.pick(this.#defined)
    const kind = r.pick([
      'primitive',
      'primitive',
      'record',
      'record',
      'array',
      'map',
      'union',
      'union',
      'enum',
      'fixed',
    ])
    if (kind === 'record') return this.#record(levels)
    if (kind === 'union') return this.#union(levels)
    if (kind === 'enum') return this.#enum()
    if (kind === 'fixed') return this.#fixed()
    if (kind === 'array') return this.#array(levels)
    if (kind === 'map') return this.#map(levels)
    return this.#primitive()
  }

  #primitive(): Maker {
    const name = this.#random.pick(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])
    const makers: Record<string, () => unknown> = {
      null: () => null,
      boolean: () => this.#random.chance(0.5),
      int: () => this.int(),
      long: () => this.long(),
      float: () => Math.fround(this.double()),
      double: () => this.double(),
      bytes: () => this.bytes(),
      string: () => this.text(),
    }
    // Avsc takes its long of ours by the bare name only.
    const json =
      name === 'long' || this.#random.chance(0.8) ? name : { type: name, note: 'any attribute may stand here' }
    return { json, name, make: () => both(makers[name]?.()) }
  }

  #nameOf(): { json: Record<string, unknown>; full: string } {
    const name = `T${this.#named++}`
    const namespace = this.#random.pick(['shop', 'shop.orders', ''])
    return this.#random.chance(0.5)
      ? { json: { name, namespace }, full: namespace === '' ? name : `${namespace}.${name}` }
      : { json: { name: `lab.${name}` }, full: `lab.${name}` }
  }

  #record(levels: number): Maker {
    const { json: head, full } = this.#nameOf()
    const fields: { name: string; maker: Maker }[] = []
    // Avsc does not know a name without a dot in the null namespace from within another: recursion has a dot.
    const self: Maker = { json: full, name: full, make: (depth) => make(depth) }
    const make = (depth: number): Sample => {
      const samples = fields.map(({ name, maker }) => [name, maker.make(depth + 1)] as const)
      return {
        plain: Object.fromEntries(samples.map(([name, { plain }]) => [name, plain])),
        wrapped: Object.fromEntries(samples.map(([name, { wrapped }]) => [name, wrapped])),
      }
    }
    const count = this.#random.whole(0, 5)
    for (let i = 0; i < count; i++) fields.push({ name: `f${i}`, maker: this.#type(levels - 1) })
    if (full.includes('.') && this.#random.chance(0.3)) fields.push({ name: 'next', maker: this.#optional(self) })
    if (full.includes('.')) this.#defined.push(self)
    return {
      json: { type: 'record', ...head, fields: fields.map(({ name, maker }) => ({ name, type: maker.json })) },
      name: full,
      make,
    }
  }

  #optional({ json, name, make }: Maker): Maker {
    const sample = (depth: number): Sample => {
      if (depth > 12 || this.#random.chance(0.5)) return both(null)
      const { plain, wrapped } = make(depth)
      return { plain, wrapped: { [name]: wrapped } }
    }
    return { json: ['null', json], name: 'union', make: sample }
  }

  #array(levels: number): Maker {
    const items = this.#type(levels - 1)
    const make = (depth: number): Sample => {
      const list = Array.from({ length: this.#random.whole(0, depth > 6 ? 1 : 4) }, () => items.make(depth + 1))
      return { plain: list.map(({ plain }) => plain), wrapped: list.map(({ wrapped }) => wrapped) }
    }
    return { json: { type: 'array', items: items.json }, name: 'array', make }
  }

  #map(levels: number): Maker {
    const values = this.#type(levels - 1)
    const make = (depth: number): Sample => {
      const list = Array.from(
        { length: this.#random.whole(0, depth > 6 ? 1 : 3) },
        (_, i) => [`${this.text()}${i}`, values.make(depth + 1)] as const,
      )
      return {
        plain: Object.fromEntries(list.map(([key, { plain }]) => [key, plain])),
        wrapped: Object.fromEntries(list.map(([key, { wrapped }]) => [key, wrapped])),
      }
    }
    return { json: { type: 'map', values: values.json }, name: 'map', make }
  }

  #enum(): Maker {
    const { json, full } = this.#nameOf()
    const symbols = Array.from({ length: this.#random.whole(1, 70) }, (_, i) => `S${i}`)
    const maker = { json: { type: 'enum', ...json, symbols }, name: full, make: () => both(this.#random.pick(symbols)) }
    if (full.includes('.')) this.#defined.push({ ...maker, json: full })
    return maker
  }

  #fixed(): Maker {
    const { json, full } = this.#nameOf()
    const size = this.#random.whole(1, 20)
    const maker = { json: { type: 'fixed', ...json, size }, name: full, make: () => both(this.bytes(size)) }
    if (full.includes('.')) this.#defined.push({ ...maker, json: full })
    return maker
  }

  #union(levels: number): Maker {
    const r = this.#random
    const families: (() => Maker)[] = [
      () => this.#scalar('null', () => null),
      () => this.#scalar('boolean', () => r.chance(0.5)),
      () => this.#scalar('double', () => this.double()),
      // Not text and bytes in one: a reader of avsc takes the first that it can be made to, even where the other is meant.
      ...(r.chance(0.6)
        ? [() => this.#scalar('string', () => this.text()), () => this.#fixed()]
        : [() => this.#scalar('bytes', () => this.bytes())]),
      () => (r.chance(0.6) ? this.#record(levels - 1) : this.#map(levels - 1)),
      () => this.#array(levels - 1),
    ]
    const more: (() => Maker)[] = [
      () => this.#scalar('int', () => this.int()),
      () => this.#scalar('long', () => this.long()),
      () => this.#scalar('string', () => this.text()),
      () => this.#scalar('bytes', () => this.bytes()),
      () => this.#enum(),
      () => this.#record(levels - 1),
      () => this.#record(levels - 1),
    ]
    // Shuffled before: a name must stand behind its definition.
    const pool = (this.#isClear ? families : [...families, ...more])
      .map((choose) => ({ choose, order: r.next() }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ choose }) => choose)
    const branches: Maker[] = []
    for (const choose of pool)
      if (r.chance(0.4)) {
        const before = this.#defined.length
        const branch = choose()
        // What is left out takes along what it defines.
        if (branches.some(({ name }) => name === branch.name)) this.#defined.length = before
        else branches.push(branch)
      }
    if (branches.length === 0) branches.push((pool[0] as () => Maker)())
    const make = (depth: number): Sample => {
      const empty = branches.find(({ name }) => name === 'null')
      const branch = depth > 8 && empty !== undefined ? empty : r.pick(branches)
      const { plain, wrapped } = branch.make(depth + 1)
      return { plain, wrapped: branch.name === 'null' ? null : { [branch.name]: wrapped } }
    }
    return { json: branches.map(({ json }) => json), name: 'union', make }
  }

  #scalar(name: string, make: () => unknown): Maker {
    return { json: name, name, make: () => both(make()) }
  }
}
