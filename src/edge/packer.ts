import type { Facts, Header, Packed } from '../core/envelope.ts'

/** Packs one event; `text` is its JSON. */
export type Packer = (event: Pick<Header, 'id' | 'key' | 'to' | 'before'>, text: string) => Packed

/**
 * Makes what `pack` makes, for many events that share source, time and facts: those are written as JSON once.
 *
 * @param shared what all headers have in common
 * @returns a function with the output of `pack`
 */
export function createPacker(shared: { source: string; receivedAt: string; facts: Facts }): Packer {
  const { source, facts } = shared
  const start = `,"source":${JSON.stringify(source)},"receivedAt":${JSON.stringify(shared.receivedAt)},"to":`
  const end = `,"facts":${JSON.stringify(shared.facts)}}\n`
  let lastTo: readonly string[] | undefined
  let rest = ''
  return ({ id, key, to, before }, text) => {
    if (to !== lastTo) {
      lastTo = to
      rest = `${start}${JSON.stringify(to)}${end}`
    }
    const tail = before === undefined ? rest : `${rest.slice(0, -2)},"before":${JSON.stringify(before)}}\n`
    return { id, key, source, facts, text: `{"id":${JSON.stringify(id)},"key":${JSON.stringify(key)}${tail}${text}\n` }
  }
}
