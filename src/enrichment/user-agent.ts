import { parse } from 'bowser'
import { memoize } from '../core/memo.ts'
import { isBlank, isRecord } from '../core/json.ts'

/** What a user agent says of its device, as both event specifications name it. */
interface Agent {
  readonly os: Readonly<Record<string, string>> | undefined
  readonly browser: Readonly<Record<string, string>> | undefined
  readonly device: Readonly<Record<string, string>> | undefined
}

const parts = ['os', 'browser', 'device'] as const
/** Longer user agents are no browser's; the rest of one is not read. */
const longest = 512
const longestHints = 1_024

const plain = memoize(1_000, (userAgent) => agentOf(userAgent.slice(0, longest)))
/** By a line of hints and the user agent below it. */
const hinted = memoize(1_000, (key) => {
  const end = key.indexOf('\n')
  return agentOf(key.slice(end + 1, end + 1 + longest), JSON.parse(key.slice(0, end)) as Record<string, unknown>)
})

/**
 * Fills `context.os`, `context.browser` and `context.device` from the user agent, in place; each only where the client said
 * nothing of it.
 *
 * Client hints in `context.userAgentData` count for more than the user agent, in which browsers have frozen the version of
 * the system and the model (Windows 11 calls itself 10, macOS 10.15.7, Android 10 on a `K`).
 *
 * @param userAgent of the event's visitor; without one, nothing is filled
 */
export function addAgent(context: Record<string, unknown>, userAgent: string | undefined): void {
  if (userAgent === undefined || userAgent === '') return
  const hints = hintsIn(context['userAgentData'])
  const agent = hints === undefined ? plain(userAgent) : hinted(`${hints}\n${userAgent}`)
  for (const part of parts) {
    const found = agent[part]
    if (found === undefined) continue
    const own = context[part]
    if (isBlank(own)) context[part] = { ...found }
    else if (isRecord(own) && saysNothing(own, found)) context[part] = { ...own, ...found }
  }
}

function saysNothing(own: Readonly<Record<string, unknown>>, found: Readonly<Record<string, string>>): boolean {
  for (const member in found) if (!isBlank(own[member])) return false
  return true
}

/** The hints that are read, as JSON in one line; undefined when there are none. */
function hintsIn(data: unknown): string | undefined {
  if (!isRecord(data)) return undefined
  const { fullVersionList, brands, platform, platformVersion, model } = data
  const text = JSON.stringify({ brands: fullVersionList ?? brands, platform, platformVersion, model })
  return text.length <= longestHints ? text : undefined
}

function agentOf(userAgent: string, sent?: Readonly<Record<string, unknown>>): Agent {
  const brands = brandsIn(sent?.['brands'])
  const system = textIn(sent?.['platform'])
  const { os, browser, platform } = parse(userAgent, { brands })
  // Apps and HTTP libraries tell of the system and the model at most; the rest would be a guess.
  const isBrowser = /^(Mozilla|Opera)\//.test(userAgent)
  const model = textIn(sent?.['model']) ?? platform.model ?? modelIn(userAgent)
  const version = os.name === 'Windows' ? (os.versionName ?? os.version) : os.version
  // The hints may be those of another system than the user agent tells, when a page pretends to be on a desktop.
  const sameSystem = system !== undefined && (os.name ?? system).toLowerCase() === system.toLowerCase()
  const hinted = sameSystem ? systemVersion(system, textIn(sent?.['platformVersion'])) : undefined
  return {
    os: definedMembersOf({ name: os.name ?? system, version: hinted ?? version }),
    browser: isBrowser ? definedMembersOf({ name: browser.name, version: browser.version }) : undefined,
    device: definedMembersOf({
      type: isBrowser ? platform.type : undefined,
      manufacturer: platform.vendor ?? makerOf(model),
      model,
    }),
  }
}

const textIn = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined

function brandsIn(brands: unknown): { brand: string; version: string }[] {
  return (Array.isArray(brands) ? brands : []).flatMap((one: unknown) => {
    const brand = isRecord(one) ? textIn(one['brand']) : undefined
    return brand === undefined ? [] : [{ brand, version: (isRecord(one) ? textIn(one['version']) : undefined) ?? '' }]
  })
}

/**
 * Windows counts differently there: 13 and more is Windows 11, 1 to 10 is Windows 10, 0 is an older one.
 * https://learn.microsoft.com/en-us/microsoft-edge/web-platform/how-to-detect-win11 (checked 2026-11-25)
 */
function systemVersion(system: string, version: string | undefined): string | undefined {
  if (version === undefined || system !== 'Windows') return version
  const major = Number.parseInt(version, 10)
  return major >= 13 ? '11' : major >= 1 ? '10' : undefined
}

/** Android browsers and apps name the model behind the version; `K` stands for all models. */
const androidModel = /\bAndroid [\d.]+;(?: [a-z]{2}-[a-z]{2};)? ([^;()]+?)(?: Build\/[^;)]*)?[;)]/i

function modelIn(userAgent: string): string | undefined {
  const model = androidModel.exec(userAgent)?.[1]
  return model === 'K' || model === 'wv' || model === 'Mobile' || model === 'Tablet' ? undefined : model
}

/** Who makes the models that begin so. */
const makers = [
  [/^(Pixel|Nexus)\b/i, 'Google'],
  [/^(SM|GT|SCH|SGH)-/, 'Samsung'],
  [/^(Redmi|POCO|Mi)\b/i, 'Xiaomi'],
  [/^(moto|XT\d)/i, 'Motorola'],
  [/^OnePlus/i, 'OnePlus'],
] as const

const makerOf = (model: string | undefined): string | undefined =>
  model === undefined ? undefined : makers.find(([pattern]) => pattern.test(model))?.[1]

/** Only the members that say something; undefined when none does. */
function definedMembersOf(
  members: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> | undefined {
  const known = Object.entries(members).filter((one): one is [string, string] => !isBlank(one[1]))
  return known.length === 0 ? undefined : Object.fromEntries(known)
}
