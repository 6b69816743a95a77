import { md5 } from '@noble/hashes/legacy.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { stringify } from 'uuid'
import { memoize } from '../core/memo.ts'

const idOf = memoize(500, (identity) => {
  const bytes = md5(utf8ToBytes(identity))
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return stringify(bytes)
})

/**
 * Names the identity of an event as RudderStack's gateway does: the MD5 of `<userId>:<anonymousId>` in the form of a UUID,
 * version 4.
 *
 * @example rudderIdOf({ userId: 'identified_user_id', anonymousId: 'anonymousId_1' }) // 'e4cab80e-2f0e-4fa2-87e0-3a4af182634c'
 */
export const rudderIdOf = ({
  userId = '',
  anonymousId = '',
}: {
  readonly userId?: string
  readonly anonymousId?: string
}): string => idOf(`${userId}:${anonymousId}`)
