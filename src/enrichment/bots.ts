import { isbot, isbotMatch } from 'isbot'
import type { BotRules } from '../core/enrichment.ts'
import type { Event } from '../core/event.ts'
import { dataCenters } from './data-centers.ts'
import type { Enriched } from './enrich.ts'
import { memoize } from '../core/memo.ts'
import { type ClientSignals, visitorUserAgent } from './client-signals.ts'
import { isBlank, isRecord } from '../core/json.ts'

/** Why an event is a bot's. */
export interface Bot {
  /** Name of the bot, as its user agent has it. */
  readonly name?: string
  /** Where its user agent says that one can read about it. */
  readonly url?: string
  /** True when the user agent is none that a browser would send. */
  readonly isInvalidBrowser?: true
  readonly reason: 'user agent' | 'verified' | 'score' | 'data center'
}

/** Longer user agents are no browser's; the rest of one is not looked at. */
const longest = 512
/** They fetch images for people who open a mail, so that the mailer does not see where they are. */
const mailProxy = /\b(GoogleImageProxy|YahooMailProxy)\b/

const byUserAgent = memoize(2_000, (userAgent): Bot | undefined => {
  const read = userAgent.slice(0, longest)
  return isbot(read) && !mailProxy.test(read) ? describeBot(read) : undefined
})
const verified: Bot = { reason: 'verified' }
const scored: Bot = { reason: 'score' }
const inDataCenter: Bot = { reason: 'data center' }

/**
 * Says whether a bot caused an event.
 *
 * The event's own user agent counts; that of the request only where a browser sent it, like everything else that the
 * connection tells: the network, score and user agent of a server say nothing of the people whose events it forwards.
 *
 * @param signals what the request shows; undefined when nothing is known
 * @returns the first reason found, by how sure it is; the same object may be returned again
 */
export function botOf(event: Event, signals: ClientSignals | undefined, rules: Required<BotRules>): Bot | undefined {
  const userAgent = visitorUserAgent(event.context, signals)
  const bot = userAgent === undefined ? undefined : byUserAgent(userAgent)
  if (bot !== undefined && !(bot.isInvalidBrowser === true && isApp(event))) return bot
  if (signals === undefined || !signals.browser) return undefined
  const { verifiedBot, score, asn } = signals
  if (verifiedBot !== undefined) return verified
  if (score !== undefined && score < rules.score) return scored
  return rules.dataCenters && asn !== undefined && dataCenters.has(asn) ? inDataCenter : undefined
}

/** Says in the event that a bot caused it; what the client said of the bot stays where nothing else is known. */
export function flagBot({ context }: Enriched, bot: Bot): void {
  context['isBot'] = true
  context['bot'] = { ...(isRecord(context['bot']) ? context['bot'] : {}), ...bot }
}

/** Apps call themselves and their HTTP libraries all kinds of things; a phone or tablet says what it is beside that. */
function isApp({ channel, context }: Event): boolean {
  const device = context?.['device']
  return channel === 'mobile' || (isRecord(device) && !(isBlank(device['id']) && isBlank(device['model'])))
}

/** Reads a bot's name and address from `Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)` and the like. */
function describeBot(userAgent: string): Bot {
  const name = /\bcompatible; ?([\w. -]+?) ?[/;)]/.exec(userAgent)?.[1] ?? wordAround(userAgent, isbotMatch(userAgent))
  const url = /https?:\/\/[^\s;,)]+/.exec(userAgent)?.[0]
  return {
    ...(name === undefined ? {} : { name }),
    ...(url === undefined ? {} : { url }),
    ...(/^(Mozilla|Opera)\/\d+\.\d+ /.test(userAgent) ? {} : { isInvalidBrowser: true }),
    reason: 'user agent',
  }
}

/** The whole word of which `part` is a part, such as HeadlessChrome around Headless. */
function wordAround(text: string, part: string | null): string | undefined {
  const start = part === null ? -1 : text.indexOf(part)
  if (part === null || start < 0) return undefined
  const before = /[\w-]*$/.exec(text.slice(0, start))?.[0] ?? ''
  const word = /^[\w-]*/.exec(before + text.slice(start))?.[0] ?? ''
  return word === '' || /^(https?|Mozilla)$/i.test(word) ? undefined : word
}
