import type { z } from 'zod/mini'
import { edgeTarget } from '../core/dead-letter.ts'
import { SluicewayError } from '../core/errors.ts'
import type { LaneRef } from '../core/stream.ts'
import type { World } from '../core/world.ts'

/** Numbers of the partitions of this deployment's stream. */
export const partitionsOf = ({ resolved }: World): number[] =>
  Array.from({ length: resolved.stream.partitions }, (_, partition) => partition)

/** Every lane of this deployment, and the keeper of the edge's dead letters. */
export const refsOf = (world: World): LaneRef[] => [
  { target: edgeTarget, partition: 0 },
  ...[...world.resolved.targets.keys()].flatMap((target) =>
    partitionsOf(world).map((partition) => ({ target, partition })),
  ),
]

/** A dead letter's id taken apart. */
export interface LetterRef extends LaneRef {
  readonly number: number
}

/**
 * Takes a dead letter's id apart: `<target>:<partition>:<number>`.
 *
 * @throws {SluicewayError} bad_request when it is none
 */
export function letterRef(id: string): LetterRef {
  const [, target, partition, number] = /^([^:]+):(\d{1,4}):(\d{1,15})$/.exec(id) ?? []
  if (target === undefined || partition === undefined || number === undefined)
    throw new SluicewayError('bad_request', `"${id}" is no dead letter's id; one looks like "webhook:0:17".`)
  return { target, partition: Number(partition), number: Number(number) }
}

/**
 * Checks a value (a body, a query) against a schema.
 *
 * @throws {SluicewayError} bad_request, saying what is wrong where
 */
export function checked<T>(schema: z.ZodMiniType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`)
  throw new SluicewayError('bad_request', `The call cannot be understood: ${problems.join('; ')}`)
}

/** Reads a JSON body; an empty one is `{}`. */
export async function bodyOf(request: Request): Promise<unknown> {
  const text = await request.text()
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new SluicewayError('bad_request', 'The body is not JSON.', { cause })
  }
}
