const encoder = new TextEncoder()

/**
 * Compares two secrets in a time that tells nothing about where they differ, nor how long they are.
 *
 * @param given what a request brought
 * @param expected what it must be, or a list of which it must be one; undefined equals nothing
 * @returns true when it is the same text as one of them
 * @example await sameSecret('sesame', ['open', 'sesame']) // true
 */
export async function sameSecret(given: string, expected: string | readonly string[] | undefined): Promise<boolean> {
  const a = await digest(given)
  let isOne = false
  for (const one of [expected ?? []].flat()) {
    const b = await digest(one)
    let difference = 0
    for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number)
    if (difference === 0) isOne = true
  }
  return isOne
}

const digest = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)))
