// Our validation, which needs no `eval`, against the library's own with Ajv: random payloads for the schemas of all destinations.
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import type { Random } from '../../scripts/bench/random.ts'
import { listDestinations } from '../../scripts/library/compare.ts'
import door from '../../src/library/core.cjs'
import type { FieldDefinition } from '../../src/library/definition.ts'
import type { Json } from '../../src/library/json.ts'
import { prepareFields } from '../../src/library/prepare-fields.ts'
import { type Schema, validateFields } from '../../src/library/validate-fields.ts'
import { withSeed } from '../support/seed.ts'

interface Named {
  readonly name: string
  readonly schema: Schema
}

/** Schemas of the settings and of all actions of all destinations. */
function allSchemas(): Named[] {
  return listDestinations().flatMap(({ name, definition: { authentication, actions } }) =>
    [
      ['settings', authentication?.fields] as const,
      ...Object.entries(actions).map(([action, { fields }]) => [action, fields] as const),
    ].flatMap(([part, fields = {}]) => (Object.keys(fields).length === 0 ? [] : [namedOf(`${name} ${part}`, fields)])),
  )
}

const namedOf = (name: string, fields: Readonly<Record<string, FieldDefinition>>): Named => ({
  name,
  schema: door.core.fieldsToJsonSchema(fields as never) as Schema,
})

const odd: readonly unknown[] = [
  null,
  '',
  ' ',
  'text',
  'true',
  'false',
  '0',
  '1',
  '-7',
  '1.5',
  '1e3',
  '0x10',
  'Infinity',
  'NaN',
  '2026-11-29',
  '2026-11-29T10:00:00Z',
  '1795946400',
  '1795946400123',
  'ada@example.com',
  'https://example.com/?a=b#c',
  '203.0.113.7',
  '::1',
  '10:00:00Z',
  true,
  false,
  0,
  1,
  -7,
  1.5,
  1e21,
  [],
  [null],
  ['a', 1],
  [[1]],
  [{ a: 1 }],
  {},
  { a: 1 },
  { id: 7, name: null },
]

/** A value that fits the schema more often than not. */
function valueFor(schema: Schema | undefined, random: Random, depth = 0): unknown {
  if (schema === undefined || depth > 4 || random.chance(0.25)) return structuredClone(random.pick(odd))
  if (schema.enum !== undefined && random.chance(0.7)) return random.pick(schema.enum)
  const [branch] = schema.anyOf ?? []
  if (branch !== undefined && random.chance(0.7)) return valueFor(random.pick(schema.anyOf ?? []), random, depth + 1)
  switch (random.pick([schema.type ?? 'string'].flat())) {
    case 'object':
      return objectFor(schema, random, depth + 1)
    case 'array':
      return Array.from({ length: random.whole(0, 3) }, () => valueFor(schema.items, random, depth + 1))
    case 'number':
    case 'integer':
      return random.pick([0, 1, -1, 7, 100_000, 2.5, '7', '2.5'])
    case 'boolean':
      return random.pick([true, false, 'true', 0])
    default:
      return random.pick(odd.filter((value) => typeof value === 'string'))
  }
}

function objectFor({ properties = {} }: Schema, random: Random, depth = 0): Json {
  const made: Json = {}
  for (const [name, schema] of Object.entries(properties))
    if (random.chance(0.6)) made[name] = valueFor(schema, random, depth)
  if (random.chance(0.2)) made['a field that nobody knows'] = valueFor(undefined, random)
  return made
}

test('every payload for every action and all settings of the library is judged and coerced as the own engine of the library does it', async () => {
  const schemas = allSchemas()
  expect(schemas.length).toBeGreaterThan(700)
  let valid = 0
  let cases = 0
  await withSeed((random, seed) => {
    for (const [i, { name, schema }] of schemas.entries())
      for (let n = 0; n < 20; n++) {
        const payload = prepareFields(schema, objectFor(schema, random), random.chance(0.5))
        const [ours, theirs] = [structuredClone(payload), structuredClone(payload)]
        const isValid = door.core.validateSchema(theirs, schema, { schemaKey: `s${seed}-${i}`, throwIfInvalid: false })
        const problems = validateFields(schema, ours)
        // What is left of a payload that is refused is sent nowhere.
        const isSame = isValid === (problems.length === 0) && (!isValid || isDeepStrictEqual(ours, theirs))
        if (!isSame) expect.fail(JSON.stringify({ name, payload, isValid, problems, ours, theirs }))
        cases++
        if (isValid) valid++
      }
  })
  // Neither would say much if there were only few of them.
  expect(valid).toBeGreaterThan(cases / 20)
  expect(valid).toBeLessThan((cases * 19) / 20)
}, 180_000)
