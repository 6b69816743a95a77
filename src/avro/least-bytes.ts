import type { AvroType } from './schema.ts'

/** Bytes of the parts that have a fixed least length. */
const least: Readonly<Record<string, number>> = { null: 0, float: 4, double: 8 }

/**
 * Says how many bytes every value of a type takes at least, so that a list cannot claim more items than there are bytes.
 *
 * @param type a type; a record within itself counts as nothing
 * @returns bytes
 */
export function leastBytesOf(type: AvroType, within: readonly AvroType[] = []): number {
  switch (type.kind) {
    case 'record':
      if (within.includes(type)) return 0
      return type.fields.reduce((sum, field) => sum + leastBytesOf(field.type, [...within, type]), 0)
    case 'union':
      return 1 + Math.min(...type.branches.map((branch) => leastBytesOf(branch, within)))
    case 'fixed':
      return type.size
    default:
      return least[type.kind] ?? 1
  }
}
