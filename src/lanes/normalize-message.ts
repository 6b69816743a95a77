/** UTF-16 units of a message that are looked at, and kept. */
const longest = 500
const kept = 300

/** What differs from event to event in messages of the same cause, and what stands for it. The order counts. */
const variable: readonly (readonly [RegExp, string])[] = [
  // The query and the fragment of a URL; its path is treated as any text.
  [/(\bhttps?:\/\/[^\s"'<>?#]*)[?#][^\s"'<>]*/g, '$1?<query>'],
  [/[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, '<email>'],
  [/\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/gi, '<uuid>'],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b/g, '<time>'],
  [/\b\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\b/g, '<time>'],
  [/\b(?:\d{1,3}\.){3}\d{1,3}\b/g, '<ip>'],
  // A word of letters and digits is an id: order-1843, cus_9aB3x.
  [/\b(?=[\w-]*[a-z])(?=[\w-]*\d)[\w-]{6,}\b/gi, '<id>'],
  [/(?<!\bHTTP )(?<![\w<])-?\d[\d,.]*(?<![,.])/g, '<n>'],
]

/**
 * Takes out of a message what differs from event to event: ids, numbers, e-mail addresses, times, queries of URLs. Messages of
 * one cause are the same afterwards. The status of `HTTP 400` stays.
 *
 * @param message any text
 * @param ids of the event itself, of any form; those of fewer than three characters are left alone
 * @returns at most 300 UTF-16 code units
 * @example normalizeMessage('order 1843 of ada@example.com is unknown') // 'order <n> of <email> is unknown'
 */
export function normalizeMessage(message: string, ids: readonly string[] = []): string {
  let text = message.slice(0, longest)
  for (const id of ids) if (id.length >= 3) text = text.replaceAll(id, '<id>')
  for (const [pattern, word] of variable) text = text.replaceAll(pattern, word)
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, kept)
}
