import { isRecord } from '../core/json.ts'
import { valueError } from './avro-error.ts'
import type { ByteSink } from './byte-sink.ts'
import { conversionOf } from './conversion.ts'
import type { WriterRules } from './encode.ts'
import { bytesOf, fitsScalar } from './scalars.ts'
import { type AvroRecord, type AvroType, type AvroUnion, typeName } from './schema.ts'

/** Looks at values that one choice of branches may take: a hostile value must not buy more. */
const mostLooks = 100_000

/**
 * How well a value must fit. `whole`: it comes back as it is. `exact`: nothing of it is lost, but a record may get defaults.
 * `loose`: it can be written; fields or digits may be lost, and it may be text of something else.
 */
export type Fit = 'whole' | 'exact' | 'loose'

/** Says whether a value fits. */
export type Fits = (sink: ByteSink, value: unknown, fit: Fit) => boolean

/** Judges which branch of a union a plain value belongs to. */
export class FitJudge {
  readonly #options: WriterRules
  readonly #records = new Map<AvroRecord, { fits: Fits }>()

  constructor(options: WriterRules) {
    this.#options = options
  }

  /** Makes the judge of a type. */
  judgeOf(type: AvroType): Fits {
    const plain = this.#plainJudgeOf(type)
    const conversion = this.#options.logicalTypes ? conversionOf(type) : undefined
    if (conversion === undefined) return plain
    const { lower } = conversion
    // A uuid is text as it stands; other text is a date or a number only where no string is asked for.
    const isText = type.kind === 'string'
    return (sink, value, fit) => {
      if (fit !== 'loose' && typeof value === 'string' && !isText) return false
      const raw = lower(value)
      return raw !== undefined && plain(sink, raw, raw === value ? fit : 'loose')
    }
  }

  #plainJudgeOf(type: AvroType): Fits {
    switch (type.kind) {
      case 'record': {
        const known = this.#records.get(type)
        if (known !== undefined) return (sink, value, fit) => known.fits(sink, value, fit)
        const box: { fits: Fits } = { fits: () => false }
        this.#records.set(type, box)
        return (box.fits = this.#recordJudge(type))
      }
      case 'array': {
        const fits = this.judgeOf(type.items)
        return (sink, value, fit) => Array.isArray(value) && value.every((one) => look(sink) && fits(sink, one, fit))
      }
      case 'map': {
        const fits = this.judgeOf(type.values)
        return (sink, value, fit) =>
          isRecord(value) && Object.values(value).every((one) => look(sink) && fits(sink, one, fit))
      }
      case 'union':
        return this.#unionJudge(type)
      case 'enum': {
        const symbols = new Set(type.symbols)
        return (_, value) => symbols.has(value as string)
      }
      case 'fixed':
        return (_, value, fit) =>
          fit !== 'loose'
            ? value instanceof Uint8Array && value.length === type.size
            : bytesOf(value, this.#options.bytes)?.length === type.size
      default: {
        const { kind } = type
        if (kind === 'bytes' && this.#options.bytes === 'base64')
          return (_, value, fit) =>
            fit !== 'loose' ? value instanceof Uint8Array : bytesOf(value, 'base64') !== undefined
        return (_, value, fit) => fitsScalar(kind, value, fit !== 'loose')
      }
    }
  }

  #recordJudge({ fields }: AvroRecord): Fits {
    const { maxDepth, extraFields } = this.#options
    const names = new Set(fields.map(({ name }) => name))
    const judges = fields.map(({ name, type, fallback }) => ({
      name,
      fits: this.judgeOf(type),
      hasDefault: fallback !== undefined,
    }))
    return (sink, value, fit) => {
      if (!isRecord(value) || sink.depth >= maxDepth) return false
      if ((fit !== 'loose' || extraFields === 'refuse') && !Object.keys(value).every((key) => names.has(key)))
        return false
      sink.depth++
      const all = judges.every(({ name, fits, hasDefault }) => {
        const field = Object.hasOwn(value, name) ? value[name] : undefined
        look(sink)
        if (field === undefined && (fit === 'whole' || hasDefault)) return fit !== 'whole'
        return fits(sink, field, fit)
      })
      sink.depth--
      return all
    }
  }

  #unionJudge({ branches }: AvroUnion): Fits {
    const { unions } = this.#options
    const judges = branches.map((branch) => this.judgeOf(branch))
    const byName = new Map(branches.map((branch, i) => [typeName(branch), judges[i] as Fits]))
    return (sink, value, fit) => {
      look(sink)
      if ((unions === 'either' || unions === 'wrapped') && isRecord(value)) {
        const [key = '', second] = Object.keys(value)
        const fits = second === undefined ? byName.get(key) : undefined
        if (fits?.(sink, value[key], 'loose') === true) return true
      }
      if (unions === 'wrapped') return (value === null || value === undefined) && byName.has('null')
      return judges.some((fits) => fits(sink, value, fit))
    }
  }
}

function look(sink: ByteSink): true {
  if (++sink.looks > mostLooks)
    throw valueError('', `it takes more than ${mostLooks} looks to find the branches of its unions; wrap them`)
  return true
}
