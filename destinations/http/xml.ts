// Bodies in XML: https://www.rudderstack.com/docs/destinations/streaming-destinations/http-webhook/ (checked 2026-11-29),
// names and characters: https://www.w3.org/TR/xml/#charsets, https://www.w3.org/TR/xml/#NT-Name
import { isRecord } from 'sluiceway/destination'

/** The names of elements that every parser takes; a colon is between prefix and name, as in `soap:Body`. */
const elementName = /^[\p{L}_][\p{L}\p{N}_.-]*(:[\p{L}_][\p{L}\p{N}_.-]*)?$/u

/** Says what is wrong with the name of an element. */
export const elementProblem = (name: string): string | undefined =>
  elementName.test(name)
    ? undefined
    : 'must be the name of an XML element: a letter, then letters, digits, "_", "-" and "."'

/**
 * Writes a value as XML. The members of an object are elements, those of a list are elements of the same name; a member whose
 * name begins with "@" is an attribute, and "#text" is the text beside attributes. What is null is left out; a list of its own
 * has elements `item`.
 *
 * @param root name of the element around it
 * @param value as of JSON
 * @throws {Error} where the name of a member is none of XML
 */
export const xmlOf = (root: string, value: unknown): string =>
  `<?xml version="1.0" encoding="UTF-8"?>${elementOf(root, Array.isArray(value) ? { item: value } : (value ?? ''))}`

function elementOf(name: string, value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.map((one) => elementOf(name, one)).join('')
  if (!elementName.test(name)) throw new Error(`"${name.slice(0, 100)}" is no name of an XML element`)
  if (!isRecord(value)) return `<${name}>${escapeText(String(value))}</${name}>`
  let attributes = ''
  let content = ''
  for (const [key, member] of Object.entries(value)) {
    const isScalar = typeof member !== 'object' && member !== undefined
    if (key === '#text' && isScalar) content += escapeText(String(member))
    else if (key.startsWith('@') && isScalar) attributes += attributeOf(key.slice(1), String(member))
    else content += elementOf(key, member)
  }
  return `<${name}${attributes}>${content}</${name}>`
}

function attributeOf(name: string, value: string): string {
  if (!elementName.test(name)) throw new Error(`"@${name.slice(0, 100)}" is no name of an XML attribute`)
  return ` ${name}="${escapeText(value)}"`
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#13;',
}

/** Characters that XML has no place for become U+FFFD; a carriage return would be read as a newline. */
const escapeText = (text: string): string =>
  text
    .toWellFormed()
    // eslint-disable-next-line no-control-regex -- these are the ones that it is about
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replaceAll(/[&<>"'\r]/g, (character) => escapes[character] as string)
