import type { Consent, ConsentRule } from '../core/consent.ts'
import { isRecord } from '../core/json.ts'

/** What one part of an event says of a category; undefined when it says nothing of it. */
type ConsentStatement = (category: string) => boolean | undefined

/** What an event says about consent. */
export interface ConsentState {
  readonly provider: string | undefined
  readonly strategy: 'and' | 'or' | undefined
  readonly statements: readonly ConsentStatement[]
}

const noConsentState: ConsentState = { provider: undefined, strategy: undefined, statements: [] }
/** Providers that events of older SDKs do not name. */
const unnamed = new Set(['oneTrust', 'ketch'])

/**
 * Says whether the consent that an event carries allows what needs `consent`.
 *
 * `context.consentManagement` is read as RudderStack does: `deniedConsentIds` decide; `allowedConsentIds` matter for
 * `required` only, and where that list is missing, what is not denied counts as allowed. `context.consent.categoryPreferences`
 * is read as Segment does: false denies, true allows. Where both are there, both must allow. What has another form says nothing.
 *
 * The strategy is the rule's own, else the event's, else `or` for Ketch and `and` for all others; for provider `custom` the
 * event's does not count. A rule for OneTrust or Ketch also applies to events that name no provider, as older SDKs send them;
 * a `required` one applies to every event that names no other provider.
 *
 * https://www.rudderstack.com/docs/data-governance/consent-management/overview/ and
 * https://www.twilio.com/docs/segment/privacy/consent-management/consent-in-segment-connections (checked 2026-11-25)
 *
 * @param state what the event says, from `readConsent`: it is read once for all questions about one event
 * @param consent one rule or several; all that apply must allow it
 * @returns false when the event must be kept back
 */
export const isAllowed = (state: ConsentState, consent: Consent): boolean =>
  isList(consent) ? consent.every((rule) => isAllowedByRule(state, rule)) : isAllowedByRule(state, consent)

const isList = (consent: Consent): consent is readonly ConsentRule[] => Array.isArray(consent)

function isAllowedByRule(state: ConsentState, rule: ConsentRule): boolean {
  if (!ruleApplies(state, rule)) return true
  const { categories, required = false } = rule
  const any = strategyOf(state, rule) === 'or'
  const denied = (category: string) => state.statements.some((statement) => statement(category) === false)
  if (any ? categories.every(denied) : categories.some(denied)) return false
  if (!required) return true
  const granted = (category: string) => state.statements.some((statement) => statement(category) === true)
  return any ? categories.some((category) => !denied(category) && granted(category)) : categories.every(granted)
}

function ruleApplies({ provider, statements }: ConsentState, rule: ConsentRule): boolean {
  if (rule.provider === undefined || rule.provider === provider) return true
  if (provider !== undefined) return false
  return rule.required === true || (statements.length > 0 && unnamed.has(rule.provider))
}

function strategyOf(state: ConsentState, rule: ConsentRule): 'and' | 'or' {
  const provider = state.provider ?? rule.provider
  if (provider === 'custom') return rule.strategy ?? 'and'
  return rule.strategy ?? state.strategy ?? (provider === 'ketch' ? 'or' : 'and')
}

/** Reads what an event's context says about consent. */
export function readConsent(context: unknown): ConsentState {
  if (!isRecord(context)) return noConsentState
  const { consentManagement: managed, consent } = context
  const preferences = isRecord(consent) ? consent['categoryPreferences'] : undefined
  if (!isRecord(managed))
    return isRecord(preferences)
      ? { ...noConsentState, statements: [statementOfPreferences(preferences)] }
      : noConsentState
  const { provider, resolutionStrategy: strategy } = managed
  return {
    provider: typeof provider === 'string' && provider !== '' ? provider : undefined,
    strategy: strategy === 'and' || strategy === 'or' ? strategy : undefined,
    statements: isRecord(preferences)
      ? [statementOfLists(managed), statementOfPreferences(preferences)]
      : [statementOfLists(managed)],
  }
}

function statementOfLists({
  deniedConsentIds,
  allowedConsentIds,
}: Readonly<Record<string, unknown>>): ConsentStatement {
  const denied = idsIn(deniedConsentIds)
  const allowed = allowedConsentIds === undefined || allowedConsentIds === null ? undefined : idsIn(allowedConsentIds)
  const spoke = Array.isArray(deniedConsentIds)
  return (category) => {
    if (denied.has(category)) return false
    return (allowed === undefined ? spoke : allowed.has(category)) ? true : undefined
  }
}

const statementOfPreferences =
  (preferences: Readonly<Record<string, unknown>>): ConsentStatement =>
  (category) => {
    const value = Object.hasOwn(preferences, category) ? preferences[category] : undefined
    return typeof value === 'boolean' ? value : undefined
  }

/** Ids of a list, or the keys of an object, as OneTrust's names come. */
function idsIn(value: unknown): ReadonlySet<string> {
  const ids: unknown[] = Array.isArray(value) ? value : isRecord(value) ? Object.keys(value) : []
  return new Set(ids.flatMap((id) => (typeof id === 'string' && id.trim() !== '' ? [id.trim()] : [])))
}
