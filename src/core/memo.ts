/** UTF-16 code units of the longest text that is remembered: clients may send megabytes. */
const longest = 2_048

/**
 * Makes a function remember what it made of the texts that it got lately.
 *
 * It holds between `size` and twice as many texts: when the younger half is full, the older one is forgotten as a whole. What
 * is made of a text above 2,048 UTF-16 code units is not remembered. So the memory is bounded, whatever clients send, and a
 * text that keeps coming stays.
 *
 * @param size texts in each half
 * @param make pure; its results are shared by all callers, who must not change them
 */
export function memoize<T>(size: number, make: (text: string) => T): (text: string) => T {
  let young = new Map<string, { readonly value: T }>()
  let old = young
  return (text) => {
    if (text.length > longest) return make(text)
    const known = young.get(text)
    if (known !== undefined) return known.value
    const own = copyText(text)
    const kept = old.get(own) ?? { value: make(own) }
    if (young.size >= size) {
      old = young
      young = new Map()
    }
    young.set(own, kept)
    return kept.value
  }
}

/** A slice of a text keeps all of it in memory, and so would a key that is one, or a result that was cut from it. */
const copyText = (text: string): string => JSON.parse(JSON.stringify(text)) as string
