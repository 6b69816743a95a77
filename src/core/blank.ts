/** True for what an SDK sends where it knows nothing: no value, null, or empty text. */
export const isBlank = (value: unknown): boolean => value === undefined || value === null || value === ''
