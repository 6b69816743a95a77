/** Narrows a value to an object with keys: not null, not an array. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The text of an id: scalars become text, blanks around it go. */
export const idText = (value: unknown): string =>
  typeof value === 'string' ? value.trim() : value === undefined || value === null ? '' : String(value)

/** True for what an SDK sends where it knows nothing: no value, null, or empty text. */
export const isBlank = (value: unknown): boolean => value === undefined || value === null || value === ''
