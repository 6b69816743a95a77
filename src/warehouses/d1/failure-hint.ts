/**
 * Says what to do about an error of D1. https://developers.cloudflare.com/d1/observability/debug-d1/ (checked 2026-11-28)
 *
 * @param reason its message
 * @returns the hint, empty where the message must do, and whether time alone does not mend it
 */
export function d1FailureHintOf(reason: string): { readonly hint: string; readonly lasting: boolean } {
  if (/maximum DB size|maximum account storage|SQLITE_FULL/i.test(reason))
    return { hint: 'The database is full: delete old rows, or load into another one.', lasting: true }
  if (/ON CONFLICT clause does not match/.test(reason))
    return { hint: 'Give the table a key: CREATE UNIQUE INDEX … ON … ("id").', lasting: false }
  if (/SQLITE_(?:READONLY|PERM)/.test(reason)) return { hint: '', lasting: true }
  return { hint: '', lasting: false }
}
