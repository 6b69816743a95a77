/** An object of JSON whose members are not known. */
export type Json = Record<string, unknown>

/** Tells an object from a list, from null and from everything else. */
export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
