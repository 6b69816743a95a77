import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { canonicalForm, fingerprintOf } from '../../src/avro/canonical.ts'
import { makeDecoder, makeEncoder, makeSkipper } from '../../src/avro/codec.ts'
import { parseSchema } from '../../src/avro/parse-schema.ts'
import { withSeed } from '../support/seed.ts'
import { avscType, buffersOf, plainOf } from './avsc.ts'
import { evolve } from './evolve-schema.ts'
import { SchemaGenerator } from './random-schema.ts'

const runs = 150
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('random schemas and values against avsc', () => {
  test('bytes of random values are those of avsc, and each reads what the other wrote, where unions are wrapped', () =>
    withSeed(
      (random) => {
        const { json, sample } = new SchemaGenerator(random, { hasBigLongs: true }).next()
        const theirs = avscType(json, 'wrapped', true)
        const type = parseSchema(json)
        const encoders = (['wrapped', 'either'] as const).map((unions) => makeEncoder(type, { unions }))
        const decode = makeDecoder(type, { unions: 'wrapped' })
        const skip = makeSkipper(type)
        for (let i = 0; i < 8; i++) {
          const { wrapped } = sample()
          const wanted = theirs.toBuffer(buffersOf(wrapped))
          for (const encode of encoders) expect(hexOf(encode(wrapped))).toBe(hexOf(wanted))
          expect(plainOf(decode(wanted))).toEqual(plainOf(theirs.fromBuffer(wanted)))
          expect(plainOf(decode(wanted))).toEqual(wrapped)
          expect(skip(Buffer.concat([wanted, Buffer.from('beyond')]))).toBe(wanted.length)
        }
      },
      { runs },
    ))

  test('bytes of random values are those of avsc, and each reads what the other wrote, where unions are plain', () =>
    withSeed(
      (random) => {
        const { json, sample } = new SchemaGenerator(random, { isClear: true }).next()
        const theirs = avscType(json, 'plain')
        const type = parseSchema(JSON.stringify(json))
        const encode = makeEncoder(type, { unions: 'plain' })
        const decode = makeDecoder(type)
        for (let i = 0; i < 8; i++) {
          const { plain } = sample()
          const wanted = theirs.toBuffer(buffersOf(plain))
          expect(hexOf(encode(plain))).toBe(hexOf(wanted))
          expect(plainOf(decode(wanted))).toEqual(plain)
          expect(plainOf(theirs.fromBuffer(Buffer.from(encode(plain))))).toEqual(plain)
        }
      },
      { runs },
    ))

  test('the canonical form and the MD5 fingerprint of random schemas are those of avsc', () =>
    withSeed(
      (random) => {
        const { json } = new SchemaGenerator(random).next()
        const theirs = avscType(json, 'wrapped')
        expect(canonicalForm(parseSchema(json))).toBe(JSON.stringify(theirs.schema()))
        expect(fingerprintOf(parseSchema(json), 'md5')).toBe(hexOf(theirs.fingerprint()))
      },
      { runs },
    ))

  test('data of random schemas is read with later versions of them as avsc reads it', async () => {
    let compared = 0
    await withSeed(
      (random) => {
        const { json, sample } = new SchemaGenerator(random, { isClear: true }).next()
        const later = evolve(json, random)
        const theirWriter = avscType(json, 'plain')
        let theirs: ReturnType<typeof avscType>
        let resolver: ReturnType<typeof theirWriter.createResolver>
        try {
          theirs = avscType(later, 'plain')
          resolver = theirs.createResolver(theirWriter)
        } catch {
          // A dropped field took a definition along, or no branch fits.
          return
        }
        const decode = makeDecoder(parseSchema(json), { reader: parseSchema(later) })
        for (let i = 0; i < 8; i++) {
          const bytes = theirWriter.toBuffer(buffersOf(sample().plain))
          expect(plainOf(decode(bytes))).toEqual(plainOf(theirs.fromBuffer(bytes, resolver)))
          compared++
        }
      },
      { runs },
    )
    expect(compared).toBeGreaterThan(runs)
  })
})
