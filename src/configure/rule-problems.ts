import type { EventChoice, Route, SourceConfig } from '../core/config.ts'
import type { Consent } from '../core/consent.ts'
import type { PrivacyRules } from '../core/privacy.ts'

const path = /^[^.\s]+(\.[^.\s]+)*$/
/** Fields without which an event cannot be told from others; of these, only the ids may be hashed. */
const needed = ['type', 'messageId', 'anonymousId']
/** RFC 6265 §4.1.1: a cookie's name is a token. */
const token = /^[\w!#$%&'*+.^`|~-]+$/
const host = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i

/** Says what is wrong with the consent and privacy rules of a source, destination or warehouse. */
export function ruleProblems({
  consent,
  privacy,
}: {
  readonly consent?: Consent | undefined
  readonly privacy?: PrivacyRules | undefined
}): string[] {
  const problems: string[] = []
  for (const rule of consent === undefined ? [] : [consent].flat())
    if (rule.categories.length === 0) problems.push('"consent" must name at least one category')
  for (const kind of ['hash', 'mask', 'drop', 'allow'] as const)
    for (const one of privacy?.[kind] ?? []) {
      if (!path.test(one) || one.split('.').includes('__proto__'))
        problems.push(`"privacy.${kind}" has "${one}", which is no path like context.traits.email`)
      if (kind !== 'allow' && one === '*')
        problems.push(`"privacy.${kind}" must not have "*": it would take what an event is known by`)
    }
  for (const [kind, fields] of [
    ['drop', needed],
    ['mask', needed],
    ['hash', ['type']],
  ] as const)
    for (const field of fields)
      if (privacy?.[kind]?.includes(field) === true)
        problems.push(`"privacy.${kind}" must not have "${field}": without it, an event cannot be told from others`)
  if (privacy !== undefined && 'salt' in privacy && !privacy.salt)
    problems.push('"privacy.salt" is missing; set it as a secret in env, or leave it out')
  return problems
}

/** Says what is wrong with `only`, `except` and `fields` of a destination. */
export function choiceProblems({ only, except, fields }: Route): string[] {
  const problems: string[] = []
  for (const [name, choice] of Object.entries({ only, except }) as [string, EventChoice | undefined][]) {
    if (choice === undefined) continue
    const { types, events, where = {} } = choice
    if (types === undefined && events === undefined && Object.keys(where).length === 0)
      problems.push(`"${name}" must have types, events or where: without any, it says nothing`)
    for (const [list, kind] of [
      [types, 'types'],
      [events, 'events'],
    ] as const)
      if (list?.length === 0) problems.push(`"${name}.${kind}" must not be an empty list`)
    if (events?.includes('') === true) problems.push(`"${name}.events" must not hold empty text`)
    if (events !== undefined && types !== undefined && !types.includes('track'))
      problems.push(`"${name}.events" are names of track events, which "${name}.types" does not have`)
    for (const one of Object.keys(where))
      if (!path.test(one)) problems.push(`"${name}.where" has "${one}", which is no path like properties.plan`)
  }
  if (fields === undefined) return problems
  const { allow, deny } = fields
  if (allow === undefined && deny === undefined) problems.push('"fields" must have allow or deny')
  const found = ruleProblems({
    privacy: { ...(allow === undefined ? {} : { allow }), ...(deny === undefined ? {} : { drop: deny }) },
  })
  return [
    ...problems,
    ...found.map((one) => one.replace('privacy.allow', 'fields.allow').replace('privacy.drop', 'fields.deny')),
  ]
}

/** Says what is wrong with what a source has beside name, key, targets and transforms. */
export function sourceProblems(source: SourceConfig): string[] {
  const { webhook, kafka, identityCookie: cookie } = source
  const problems = [
    ...(webhook?.problems ?? []).map((one) => `webhook: ${one}`),
    ...(kafka?.problems ?? []).map((one) => `kafka: ${one}`),
    ...ruleProblems(source),
  ]
  // Nobody sends requests to it.
  if (kafka !== undefined)
    for (const name of ['writeKey', 'webhook', 'identityCookie'] as const)
      if (source[name] !== undefined) problems.push(`"${name}" has no meaning beside "kafka": leave it out`)
  for (const kind of ['drop', 'mask', 'hash'] as const)
    for (const one of source.privacy?.[kind] ?? [])
      if (/^context\.(consent|consentManagement)(\.|$)/.test(one))
        problems.push(`"privacy.${kind}" of a source must not have "${one}": what needs consent is decided by it later`)
  if (cookie !== undefined) {
    if (cookie.name !== undefined && !token.test(cookie.name))
      problems.push('"identityCookie.name" must be a cookie name: letters, digits, "-" and "_"')
    if (/^__Host-/i.test(cookie.name ?? '') && cookie.domain !== undefined)
      problems.push('"identityCookie.domain" must be left out: browsers take a cookie named __Host-… for one host only')
    if (cookie.domain !== undefined && !host.test(cookie.domain))
      problems.push('"identityCookie.domain" must be a domain like example.com')
    for (const problem of ruleProblems(cookie)) problems.push(`identityCookie: ${problem}`)
  }
  return problems
}
