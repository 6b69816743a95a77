import { deletionAnswerOf } from '../core/deletion-answer.ts'
import type { DeletionAnswer, ForgottenUser, SendContext } from '../core/destination.ts'
import { reasonOf } from '../core/errors.ts'
import { isPlatformError } from '../platform/platform-error.ts'
import { Caller, type CallTools } from './caller.ts'
import type { Perform } from './definition.ts'
import { AddressRefused } from './request-client.ts'
import { refusedText } from './tokens.ts'
import { statusOf } from './verdicts.ts'

/**
 * Deletes a user with the library's own code for it (`onDelete`), which gets the userId and the anonymousId.
 *
 * Most of it uses one of the two without a look whether it is there, and puts it into a URL as it is. So nothing is sent before
 * it has read one that is there, an id that may mean something else in a URL must arrive whole, and it has failed where nothing
 * was sent at all.
 *
 * @param user who is to be deleted
 * @param tools of the destination
 * @param context the way out
 * @returns what became of it; it does not reject
 */
export async function deleteByLibrary(
  user: ForgottenUser,
  tools: CallTools,
  context: SendContext,
): Promise<DeletionAnswer> {
  const { definition, settings } = tools
  let isNamed = false
  let stopped: string | undefined
  let sent = 0
  let last: Response | undefined
  const read = (kind: 'userId' | 'anonymousId') => {
    if (user[kind] !== undefined) isNamed = true
    return user[kind]
  }
  const payload = {
    get userId() {
      return read('userId')
    },
    get anonymousId() {
      return read('anonymousId')
    },
  }
  const fetch = async (request: Request) => {
    if (!isNamed)
      stopped ??= `${definition.name} does not delete users by ${user.userId === undefined ? 'anonymousId' : 'userId'}`
    else if (!(await isWhole(request, user)))
      stopped ??= `${definition.name} cannot name this user: the id is none for a URL`
    if (stopped !== undefined) throw new Error(stopped)
    sent++
    return (last = await context.fetch(request))
  }
  let failure: unknown
  try {
    await new Caller(tools, { ...context, fetch }).call(definition.onDelete as Perform, { payload, settings })
  } catch (error) {
    failure = error ?? new Error('it failed without a reason')
  }
  if (stopped !== undefined) return failed(stopped)
  if (failure !== undefined) return answerOf(failure, sent, context.now)
  if (last === undefined) return failed(`${definition.name} sent no request: a setting for it may be missing`)
  // Where errors do not throw there, the last answer is the one to the deletion.
  return deletionAnswerOf(last, context.now)
}

const failed = (reason: string): DeletionAnswer => ({ state: 'failed', reason })

/** Means the same in a URL, escaped or not. */
const plainId = /^(?!\.+$)[\p{L}\p{N}_.~@:|-]+$/u

/** Says whether a request names the user, and nobody else: `../ben` in a path would. */
async function isWhole(request: Request, { userId, anonymousId }: ForgottenUser): Promise<boolean> {
  const ids = [userId, anonymousId].filter((id) => id !== undefined)
  if (ids.every((id) => plainId.test(id))) return true
  const { pathname, searchParams } = new URL(request.url)
  const inUrl = new Set([...searchParams.values(), ...pathname.split('/').map(decoded)])
  const body = await (request.clone() as Request).text()
  return ids.some((id) => inUrl.has(id) || body.includes(JSON.stringify(id)))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function answerOf(failure: unknown, sent: number, now: number): DeletionAnswer {
  const status = statusOf(failure)
  const { headers } = (failure as { response?: { headers?: Headers } }).response ?? {}
  const reason = reasonOf(failure)
  if (status === undefined && (failure instanceof AddressRefused || (sent === 0 && !isPlatformError(failure))))
    return reason.includes(refusedText) ? { state: 'waiting', reason } : failed(reason)
  if (status === undefined) return { state: 'waiting', reason: `no answer: ${reason}` }
  // Without a request, it is an error of the library's own, which has a status, too.
  if (sent === 0) return failed(reason)
  // An earlier request has found the user, so that this is no word on whether they are known.
  if (sent > 1 && (status === 404 || status === 410)) return failed(`HTTP ${status} to request ${sent} of the deletion`)
  return deletionAnswerOf({ status, headers: headers ?? new Headers() }, now)
}
