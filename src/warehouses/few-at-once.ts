/**
 * Does something with each of many, a few at once, in their order. After a failure none is begun any more, and nothing is under
 * way when this rejects.
 *
 * @param many what to do it with
 * @param how most that are under way at once: a Worker has six connections,
 *   https://developers.cloudflare.com/workers/platform/limits/ (checked 2026-11-29)
 * @throws what `work` threw first
 * @example await fewAtOnce(loads, { most: 4, work: (load) => engine.load(load) })
 */
export async function fewAtOnce<T>(
  many: readonly T[],
  { most, work }: { readonly most: number; readonly work: (one: T) => Promise<unknown> },
): Promise<void> {
  const left = many.values()
  const failures: unknown[] = []
  const next = async (): Promise<void> => {
    // An iterator goes on for all: each takes what no other took. Its end is asked for last, so that none is taken and left.
    while (failures.length === 0) {
      const { done, value } = left.next()
      if (done === true) return
      await work(value).catch((thrown: unknown) => failures.push(thrown))
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, many.length) }, next))
  if (failures.length > 0) throw failures[0]
}
