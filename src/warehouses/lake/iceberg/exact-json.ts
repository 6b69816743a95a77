/** The part of `JSON` that keeps the digits of numbers; newer than TypeScript's types of it. */
const exact = JSON as unknown as {
  readonly parse: (
    text: string,
    revive: (key: string, value: unknown, context: { readonly source: string }) => unknown,
  ) => unknown
  readonly rawJSON: (text: string) => unknown
}

/** Members that hold the id of a snapshot, which is a long of up to 63 bits. */
const ids: ReadonlySet<string> = new Set(['snapshot-id', 'parent-snapshot-id'])

/**
 * Writes JSON anew with whole numbers beyond 2^53 as the text of their digits, which any parser keeps.
 *
 * @throws {SyntaxError} when the text is no JSON
 */
export const withoutBigNumbers = (text: string): string =>
  JSON.stringify(
    exact.parse(text, (_, value, { source }) =>
      typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) ? source : value,
    ),
  )

/** Writes JSON anew with ids of snapshots that are text as the numbers that they are. */
export const withNumericIds = (text: string): string =>
  JSON.stringify(JSON.parse(text), (key, value: unknown) =>
    ids.has(key) && typeof value === 'string' && /^\d{1,19}$/.test(value) ? exact.rawJSON(value) : value,
  )
