import type { Random } from '../../scripts/bench/random.ts'

type Json = Record<string, unknown>

const wider: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'double'],
  long: ['double'],
  float: ['double'],
  string: ['bytes'],
}

/** Makes a later version of a schema, which data of the first can be read with: most of the time. */
export function evolve(json: unknown, random: Random): unknown {
  if (Array.isArray(json)) {
    // A branch that becomes another one's type would be there twice.
    const list = json.map((one) => (typeof one === 'string' ? (one as unknown) : evolve(one, random)))
    return random.chance(0.2) && !list.includes('boolean') ? [...list, 'boolean'] : list
  }
  if (typeof json === 'string') {
    const type = random.chance(0.3) ? random.pick(wider[json] ?? [json]) : json
    return type !== 'null' && random.chance(0.1) ? ['null', type] : type
  }
  const schema = { ...(json as Json) }
  switch (schema['type']) {
    case 'array':
      return { ...schema, items: evolve(schema['items'], random) }
    case 'map':
      return { ...schema, values: evolve(schema['values'], random) }
    case 'enum':
      return random.chance(0.5) ? { ...schema, symbols: ['FIRST', ...(schema['symbols'] as string[])] } : schema
    case 'record':
      return evolveRecord(schema, random)
    default:
      return schema
  }
}

function evolveRecord(schema: Json, random: Random): Json {
  const fields = (schema['fields'] as Json[])
    .filter(() => !random.chance(0.15))
    .map((field): Json => {
      const type = evolve(field['type'], random)
      return random.chance(0.2)
        ? { ...field, type, name: `${String(field['name'])}_new`, aliases: [field['name']] }
        : { ...field, type }
    })
  const added: Json[] = [
    { name: 'added', type: 'string', default: 'Ada' },
    { name: 'count', type: ['long', 'null'], default: -7 },
    { name: 'bytes', type: { type: 'map', values: 'bytes' }, default: { a: '\u00ff\u0001' } },
    { name: 'list', type: { type: 'array', items: { type: 'array', items: 'double' } }, default: [[1.5], []] },
    { name: 'nothing', type: ['null', 'string'], default: null },
  ]
  for (const field of added) if (random.chance(0.2)) fields.splice(random.whole(0, fields.length), 0, field)
  return { ...schema, fields }
}
