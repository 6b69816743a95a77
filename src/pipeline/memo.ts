/**
 * Makes a function remember what it made of the texts that it got lately.
 *
 * It holds between `size` and twice as many texts: when the younger half is full, the older one is forgotten as a whole. So
 * the memory is bounded, whatever clients send, and a text that keeps coming stays.
 *
 * @param size texts in each half
 * @param make pure; its results are shared by all callers, who must not change them
 */
export function memo<T>(size: number, make: (text: string) => T): (text: string) => T {
  let young = new Map<string, { readonly value: T }>()
  let old = young
  return (text) => {
    const known = young.get(text)
    if (known !== undefined) return known.value
    const kept = old.get(text) ?? { value: make(text) }
    if (young.size >= size) {
      old = young
      young = new Map()
    }
    young.set(text, kept)
    return kept.value
  }
}
