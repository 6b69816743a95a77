import type { Told } from '../core/unreadable.ts'
import { SluicewayError } from '../core/errors.ts'

/**
 * Runs a call of an object whose refusals somebody is to be told: an error that crosses to another Worker loses its code.
 *
 * @param work what may throw a SluicewayError
 * @returns its value, or code and message of the refusal; rejects with any other error
 */
export async function told<T>(work: () => T | Promise<T>): Promise<Told<T>> {
  try {
    return { value: await work() }
  } catch (thrown) {
    if (thrown instanceof SluicewayError) return { refused: thrown.message, code: thrown.code }
    throw thrown
  }
}
