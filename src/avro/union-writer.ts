import { isRecord } from '../core/json.ts'
import { showValue, valueError } from './avro-error.ts'
import type { ByteSink } from './byte-sink.ts'
import { conversionOf } from './conversion.ts'
import type { WriterMaker, WriteValue } from './encode.ts'
import type { Fit, Fits } from './fit.ts'
import { type AvroType, type AvroUnion, shortName, typeName } from './schema.ts'

/** What a value is to JavaScript, as far as branches tell from it. */
type Shape = 'nothing' | 'boolean' | 'number' | 'text' | 'bytes' | 'list' | 'object'

interface Choice {
  readonly index: number
  readonly write: WriteValue
  readonly fits: Fits
}

const shapes: readonly Shape[] = ['nothing', 'boolean', 'number', 'text', 'bytes', 'list', 'object']

function shapeOf(value: unknown): Shape {
  switch (typeof value) {
    case 'undefined':
      return 'nothing'
    case 'boolean':
      return 'boolean'
    case 'number':
    case 'bigint':
      return 'number'
    case 'string':
      return 'text'
    default:
      if (value === null) return 'nothing'
      return Array.isArray(value) ? 'list' : value instanceof Uint8Array ? 'bytes' : 'object'
  }
}

/** The shapes in which a value of a type may come. */
function shapesOf(type: AvroType, logicalTypes: boolean): readonly Shape[] {
  if (logicalTypes && conversionOf(type) !== undefined) return ['number', 'text', 'bytes', 'object']
  switch (type.kind) {
    case 'null':
      return ['nothing']
    case 'boolean':
      return ['boolean']
    case 'int':
      return ['number']
    case 'long':
    case 'float':
    case 'double':
      return ['number', 'text']
    case 'bytes':
    case 'fixed':
      return ['bytes', 'text']
    case 'string':
    case 'enum':
      return ['text']
    case 'array':
      return ['list']
    case 'map':
    case 'record':
      return ['object']
    case 'union':
      return shapes
  }
}

/**
 * Makes the writer of a union: finds the branch of a value, plain or by its name.
 *
 * A plain value goes to the first branch that gives it back as it is, else to the first that takes it without loss, else to
 * the first that takes it at all.
 *
 * @param type the union
 * @param maker makes the writers of its branches
 * @returns a function that writes the number of the branch and the value
 */
export function makeUnionWriter(type: AvroUnion, maker: WriterMaker): WriteValue {
  const { unions, logicalTypes } = maker.options
  const choices = type.branches.map((branch, index): Choice => ({
    index,
    write: maker.writerOf(branch),
    fits: maker.fits.judgeOf(branch),
  }))
  const names = branchNames(type)
  const byShape = Object.fromEntries(
    shapes.map((shape) => [
      shape,
      choices.filter((_, i) => shapesOf(type.branches[i] as AvroType, logicalTypes).includes(shape)),
    ]),
  ) as Record<Shape, Choice[]>
  const expected = type.branches.map(typeName).join(', ')

  const put = (sink: ByteSink, { index, write }: Choice, value: unknown) => {
    sink.long(index)
    write(sink, value)
  }
  const wrapped = (value: unknown): { choice: Choice; inner: unknown } | undefined => {
    if (!isRecord(value)) return undefined
    let only: string | undefined
    for (const key in value) {
      if (only !== undefined) return undefined
      only = key
    }
    const index = only === undefined ? undefined : names.get(only)
    return index === undefined ? undefined : { choice: choices[index] as Choice, inner: value[only as string] }
  }
  const mismatch = (value: unknown) => valueError(type.at, `expected one of ${expected}, got ${showValue(value)}`)

  const fitsInOrder: readonly Fit[] = unions === 'first' ? ['loose'] : ['whole', 'exact', 'loose']
  const writePlain: WriteValue = (sink, value) => {
    const fitting = byShape[shapeOf(value)]
    const [first] = fitting
    if (first === undefined) throw mismatch(value)
    // Where there is no choice, the branch itself says best what is wrong.
    if (fitting.length === 1) return put(sink, first, value)
    let choice: Choice | undefined
    for (const fit of fitsInOrder) choice ??= fitting.find(({ fits }) => fits(sink, value, fit))
    // A record that does not fit says which of its fields is in the way, if no other could be meant.
    choice ??= onlyOne(fitting.filter(({ index }) => isNested(type.branches[index] as AvroType)))
    if (choice === undefined) throw mismatch(value)
    put(sink, choice, value)
  }
  if (unions === 'plain' || unions === 'first') return writePlain

  return (sink, value) => {
    if (typeof value !== 'object' || value === null) {
      if (unions === 'wrapped' && shapeOf(value) !== 'nothing')
        throw valueError(
          type.at,
          `expected a value with the name of its branch, as {"${expected.split(', ').at(-1)}":…}, got ${showValue(value)}`,
        )
      return writePlain(sink, value)
    }
    const found = wrapped(value)
    if (found === undefined) {
      if (unions === 'wrapped')
        throw valueError(
          type.at,
          `expected a value with the name of its branch (one of ${expected}), got ${showValue(value)}`,
        )
      return writePlain(sink, value)
    }
    const { choice, inner } = found
    const isPlain = unions === 'either' && byShape.object.length > 0 && !choice.fits(sink, inner, 'loose')
    if (isPlain) writePlain(sink, value)
    else put(sink, choice, inner)
  }
}

const onlyOne = <T>(list: readonly T[]): T | undefined => (list.length === 1 ? list[0] : undefined)
const isNested = ({ kind }: AvroType): boolean => kind === 'record' || kind === 'map' || kind === 'array'

/** The branches by their full names, and by the short ones that only one of them has. */
function branchNames({ branches }: AvroUnion): ReadonlyMap<string, number> {
  const names = new Map<string, number>()
  const short = Map.groupBy(branches.keys(), (i) => shortName(typeName(branches[i] as AvroType)))
  for (const [name, indexes] of short) if (indexes.length === 1) names.set(name, indexes[0] as number)
  for (const [i, branch] of branches.entries()) names.set(typeName(branch), i)
  return names
}
