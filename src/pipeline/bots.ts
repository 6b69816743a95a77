import type { BotRules } from '../core/enrichment.ts'
import type { Event } from '../core/event.ts'
import type { Sight } from './sight.ts'

/** Why an event is a bot's. */
export interface Bot {
  /** Name of the bot, as its user agent has it. */
  readonly name?: string
  readonly reason: 'user agent' | 'verified' | 'score' | 'data centre'
}

/** Says whether a bot caused an event. */
export function botOf(_event: Event, _sight: Sight | undefined, _rules: Required<BotRules>): Bot | undefined {
  return undefined
}
