import type { Event } from './event.ts'

/** A text with parts of an event in it, as `events.${type}` or `${properties.plan:-free}`. */
export type EventTemplate = (event: Event) => string | undefined

const hole = /\$\{([^}]*)\}/g
/** A path into an event, and what stands where there is nothing. */
const inside = /^([\w$-]+(?:\.[\w$-]+)*)(?::-(.*))?$/

/**
 * Says what is wrong with a template.
 *
 * @param text as the settings have it
 * @returns a part of a sentence, or undefined
 */
export function templateProblem(text: string): string | undefined {
  if (text.replaceAll(hole, '').includes('${')) return 'has "${" without "}"'
  const wrong = Array.from(text.matchAll(hole), ([, path = '']) => path).find((path) => !inside.test(path))
  return wrong === undefined ? undefined : `has "\${${wrong}}", which is no path such as "\${properties.plan}"`
}

/**
 * Makes a template.
 *
 * @param text names parts of the event by their paths; `${path:-other}` gives `other` where the event has nothing there
 * @param clean changes what comes from the event, so that a name stays a name
 * @returns a function that fills it; undefined when the event has nothing at a path without `:-`
 */
export function makeTemplate(text: string, clean: (part: string) => string = (part) => part): EventTemplate {
  if (!text.includes('${')) return () => text
  return (event) => {
    let isWhole = true
    const filled = text.replaceAll(hole, (_, content: string) => {
      const [, path = '', other] = inside.exec(content) ?? []
      const found = textAt(event, path)
      if (found !== undefined) return clean(found)
      if (other === undefined) isWhole = false
      return other ?? ''
    })
    return isWhole ? filled : undefined
  }
}

/** The text at a path of an event; undefined where there is none, or an object. */
function textAt(event: Event, path: string): string | undefined {
  let value: unknown = event
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' || typeof value === 'boolean' ? `${value}` : undefined
}

/**
 * Escapes a part of an event for the path or the query of a URL.
 *
 * @param part of any characters
 * @returns the part, percent-encoded
 * @throws Error where the part is a dot segment, which would lead to another path
 */
export function urlPart(part: string): string {
  if (part === '.' || part === '..') throw new Error(`"${part}" cannot be a part of "url": it would lead elsewhere`)
  return encodeURIComponent(part.toWellFormed())
}

/** Escapes a part of an event for a header, which holds printable ASCII only. */
export const headerPart = (part: string): string =>
  part.toWellFormed().replaceAll(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character))
