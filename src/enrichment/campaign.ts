import { isBlank, isRecord } from '../core/json.ts'

/** Fields of `context.campaign`, as both event specifications name them, by the parameter that fills them. */
const fields = [
  ['utm_campaign', 'name'],
  ['utm_source', 'source'],
  ['utm_medium', 'medium'],
  ['utm_term', 'term'],
  ['utm_content', 'content'],
  ['utm_id', 'id'],
] as const

/**
 * Fills `context.campaign` from the utm parameters of `context.page.url`, else of `context.page.search`, in place.
 *
 * A campaign that the client named stays as it is: the page's URL may be that of a later visit. Parameters beyond the six
 * standard ones are left alone, as they would make any number of columns; click ids stay in the URL.
 * https://www.rudderstack.com/docs/event-spec/standard-events/common-fields/ (checked 2026-11-25)
 */
export function addCampaign(context: Record<string, unknown>): void {
  const { page, campaign } = context
  if (!isRecord(page)) return
  const query = queryIn(page['url']) ?? queryIn(page['search'])
  if (query === undefined || !(isBlank(campaign) || (isRecord(campaign) && Object.values(campaign).every(isBlank))))
    return
  const parameters = new URLSearchParams(query)
  const found: Record<string, string> = {}
  for (const [parameter, field] of fields) {
    const value = parameters.get(parameter)?.trim()
    if (value !== undefined && value !== '') found[field] = value
  }
  for (const _ in found) {
    context['campaign'] = found
    return
  }
}

/** The query of a URL, or of what stands after its path; undefined when there is no utm parameter in it. */
function queryIn(text: unknown): string | undefined {
  if (typeof text !== 'string' || !text.includes('utm_')) return undefined
  const [before = ''] = text.split('#', 1)
  const query = before.slice(before.indexOf('?') + 1)
  return query.includes('utm_') ? query : undefined
}
