/**
 * Says that a name means nothing here, which one may have been meant, and which there are.
 *
 * @param name what was written
 * @param known the names that mean something
 */
export function unknownName(name: string, known: readonly string[]): string {
  const meant = similarName(name, known)
  return meant === undefined
    ? `"${name}" is no setting; there are: ${known.join(', ')}`
    : `"${name}" is no setting; did you mean "${meant}"? There are: ${known.join(', ')}`
}

/**
 * Finds the name that somebody may have meant.
 *
 * @param name what was written
 * @param known the names that there are
 * @returns the nearest, at most a third of its letters away; upper and lower case are the same
 * @example similarName('categorys', ['categories', 'provider']) // 'categories'
 */
export function similarName(name: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const one of known) {
    const distance = distanceOf(name.toLowerCase(), one.toLowerCase())
    if (distance >= least) continue
    nearest = one
    least = distance
  }
  return nearest
}

/** Letters to add, remove, replace, or swap with the next, to get from one word to another. */
function distanceOf(from: string, to: string): number {
  // A stranger's name may be long, and is then nothing that somebody meant.
  if (Math.abs(from.length - to.length) > to.length) return Infinity
  let [before, last]: [number[], number[]] = [[], Array.from({ length: to.length + 1 }, (_, i) => i)]
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1]
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      row[j] = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (isSame ? 0 : 1),
        isSwapped ? (before[j - 2] as number) + 1 : Infinity,
      )
    }
    before = last
    last = row
  }
  return last[to.length] as number
}
