import { md5 } from '@noble/hashes/legacy.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { type AvroType, typeName } from './schema.ts'

const encoder = new TextEncoder()

/**
 * Writes a schema in the form that all schemas have which read the same data: without docs, defaults, aliases, logical types and
 * white space ("Parsing Canonical Form").
 *
 * @param type of `parseSchema`; what it refers to in other schemas is written out
 * @returns JSON text
 */
export function canonicalForm(type: AvroType): string {
  const written = new Set<string>()
  const write = (type: AvroType): string => {
    if (type.kind === 'union') return `[${type.branches.map(write).join(',')}]`
    if (type.kind === 'array') return `{"type":"array","items":${write(type.items)}}`
    if (type.kind === 'map') return `{"type":"map","values":${write(type.values)}}`
    if (!('name' in type) || written.has(type.name)) return JSON.stringify(typeName(type))
    written.add(type.name)
    const head = `{"name":"${type.name}","type":"${type.kind}"`
    if (type.kind === 'enum') return `${head},"symbols":${JSON.stringify(type.symbols)}}`
    if (type.kind === 'fixed') return `${head},"size":${type.size}}`
    return `${head},"fields":[${type.fields.map((field) => `{"name":"${field.name}","type":${write(field.type)}}`).join(',')}]}`
  }
  return write(type)
}

const empty = 0xc15d213aa4d7a795n
/** CRC-64-AVRO of each byte (Avro 1.12.0, "Schema Fingerprints"). */
const table = Array.from({ length: 256 }, (_, i) => {
  let value = BigInt(i)
  for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ ((value & 1n) === 0n ? 0n : empty)
  return value
})

/**
 * Names a schema by a hash of its canonical form.
 *
 * @param type of `parseSchema`
 * @param algorithm `rabin` is CRC-64-AVRO, as 64 bits with the highest byte first
 * @returns hexadecimal digits
 */
export function fingerprintOf(type: AvroType, algorithm: 'rabin' | 'md5' | 'sha256'): string {
  const bytes = encoder.encode(canonicalForm(type))
  if (algorithm === 'md5') return bytesToHex(md5(bytes))
  if (algorithm === 'sha256') return bytesToHex(sha256(bytes))
  let value = empty
  for (const byte of bytes) value = (value >> 8n) ^ (table[Number(value & 0xffn) ^ byte] as bigint)
  return value.toString(16).padStart(16, '0')
}
