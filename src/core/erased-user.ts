import { idText, isRecord } from './json.ts'

/** A user by one of the ids that events name them with. */
export interface ErasedUser {
  readonly kind: 'userId' | 'anonymousId'
  readonly id: string
}

/** A user whose events were to be erased at some time. */
export interface ErasureOrder extends ErasedUser {
  /** Milliseconds since the epoch: what was accepted before goes. */
  readonly askedAt: number
}

/** Milliseconds until isolates know that a user is suppressed, and what they took before is stored. */
export const erasureSettlesMs = 15_000

/** What of an event names users. */
export interface EventUsers {
  readonly userId?: unknown
  readonly anonymousId?: unknown
  readonly previousId?: unknown
  readonly mergeProperties?: unknown
}

/** Takes out of an event what names users. */
export const usersOf = ({ userId, anonymousId, previousId, mergeProperties }: EventUsers): EventUsers => ({
  userId,
  anonymousId,
  previousId,
  mergeProperties,
})

/**
 * Says whether an event is of one of some users.
 *
 * @param event also one that joins a user with others: the previousId of an alias, the values of a merge, whose kind is not known
 * @param isMeant whether a user is one of those; the id is text without blanks around it, and not empty
 */
export function namesUser(
  { userId, anonymousId, previousId, mergeProperties }: EventUsers,
  isMeant: (kind: ErasedUser['kind'], id: string) => boolean,
): boolean {
  const has = (kind: ErasedUser['kind'], value: unknown) => {
    // Of what a client sent, an id may be anything; some objects cannot even be made text.
    const id = typeof value === 'object' ? '' : idText(value)
    return id !== '' && isMeant(kind, id)
  }
  const hasAny = (id: unknown) => has('userId', id) || has('anonymousId', id)
  return (
    has('userId', userId) ||
    has('anonymousId', anonymousId) ||
    (previousId !== undefined && hasAny(previousId)) ||
    (Array.isArray(mergeProperties) && mergeProperties.some((one) => isRecord(one) && hasAny(one['value'])))
  )
}
