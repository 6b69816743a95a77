// Texts of messages, as https://www.rudderstack.com/docs/destinations/streaming-destinations/slack/ has them (checked 2026-11-29)
import { type EventTemplate, makeTemplate, templateProblem, valueAt } from 'sluiceway/destination'
import type { Event } from 'sluiceway/event'

/** Settings that decide what is said of an event. */
interface TextSettings {
  readonly text?: string
  readonly texts?: Readonly<Record<string, string>>
}

/** Says what is wrong with the templates by name. */
const textsProblem = (texts: Readonly<Record<string, string>>): string | undefined =>
  Object.values(texts)
    .map(templateProblem)
    .find((problem) => problem !== undefined)

/** The settings that decide what is said of an event. */
export const textSettings = {
  text: {
    type: 'string',
    about: 'What is said of every event, as "${userId} did ${event}".',
    optional: true,
    check: templateProblem,
  },
  texts: {
    type: 'texts',
    about: 'What is said of events, by the name of a track event or by type.',
    optional: true,
    check: textsProblem,
  },
} as const

/**
 * Makes what says what an event is to be told with: the text of its name, else of its type, else `text`, else a sentence of
 * our own for track and identify.
 *
 * @param settings checked
 * @param escape keeps what comes from an event from being read as markup
 * @returns a function that gives the text, or undefined where nothing is to be said of the event
 */
export function makeMessageText({ text, texts = {} }: TextSettings, escape: (part: string) => string): EventTemplate {
  const byName = new Map(Object.entries(texts).map(([name, one]) => [name, makeTemplate(one, escape)] as const))
  const rest = text === undefined ? (event: Event) => ownSentence(event, escape) : makeTemplate(text, escape)
  return (event) => {
    const named = (event.type === 'track' ? byName.get(event.event ?? '') : undefined) ?? byName.get(event.type)
    const found = (named ?? rest)(event)
    if (found === undefined && (named !== undefined || text !== undefined))
      throw new Error('the event has nothing for a part of its text; say ${path:-other} where it may be missing')
    return found
  }
}

function ownSentence(event: Event, escape: (part: string) => string): string | undefined {
  const who = escape(nameOf(event))
  if (event.type === 'identify') return `Identified ${who}`
  return event.type === 'track'
    ? `${who} did ${escape(event.event === undefined || event.event === '' ? 'something' : event.event)}`
    : undefined
}

/** What people call a user. */
function nameOf(event: Event): string {
  const name = valueAt(event, 'traits.name', 'context.traits.name')
  if (typeof name === 'string') return name
  const parts = ['firstName', 'lastName'].map((part) => valueAt(event, `traits.${part}`, `context.traits.${part}`))
  const both = parts.filter((part) => typeof part === 'string').join(' ')
  if (both !== '') return both
  const known = valueAt(event, 'traits.email', 'context.traits.email', 'userId', 'anonymousId')
  return typeof known === 'string' ? known : 'Somebody'
}

/** Cuts a text, and never through a character. */
export const cutText = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`
