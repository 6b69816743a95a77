import { type Draft } from '../core/webhook-source.ts'
import { parseJsonKeepingDigits } from '../core/json-parse.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, eachOf, idOf, mapFields, type FieldMapping, payloadOf, sayingOf } from './shared/fields.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Olark'

/**
 * Takes Olark's webhooks, whose JSON comes in the field `data` of a form: a track per transcript, named after its kind
 * (`Conversation`, `OfflineMessage`), and a group per group that was chatted with.
 *
 * The userId is Olark's id of the visitor, what is known of them goes into the context. The track's messageId is the
 * transcript's id, but for those that an operator sends by hand, maybe again with more in them.
 *
 * Not verified: Olark documents no signature. Whoever has the write key can send.
 *
 * https://www.olark.com/help/webhooks/ (checked 2026-11-25)
 *
 * @example olark()
 */
export const olark = defineSource({
  name: 'olark',
  settings: {},
  map({ body }) {
    const payload = transcriptOf(body)
    const { kind, id, manuallySubmitted, groups, items } = payload
    const visitor = sayingOf(payload['visitor'])
    const userId = idOf(visitor['id'])
    if (userId === undefined) throw new TypeError('visitor.id is missing')
    const last: unknown = Array.isArray(items) ? items.at(-1) : undefined
    const originalTimestamp = stampOf(isRecord(last) ? last['timestamp'] : undefined)
    const transcript = manuallySubmitted === true ? undefined : idOf(id)
    const eventOf = (fields: Draft): Draft =>
      mapFields(draftOf(vendor, { userId, originalTimestamp, ...fields, context: browserOf(visitor) }), visitor, person)
    const track = eventOf({ type: 'track', event: idOf(kind) ?? 'Conversation', messageId: transcript, properties: {} })
    return [
      mapFields(mapFields(track, visitor, feedback), payload, transcriptFields),
      ...eachOf(Array.isArray(groups) ? groups.filter(isRecord) : [], visitor).map((group) =>
        eventOf({
          type: 'group',
          groupId: idOf(group['id']),
          ...(transcript === undefined ? {} : { messageId: `${transcript}:${String(group['id'])}` }),
          name: group['name'],
          traits: { kind: group['kind'], name: group['name'] },
        }),
      ),
    ]
  },
})

function transcriptOf(body: unknown): Draft {
  const { data, ...rest } = payloadOf(body)
  if (typeof data !== 'string') return data === undefined ? rest : { data, ...rest }
  try {
    return payloadOf(parseJsonKeepingDigits(data))
  } catch {
    throw new TypeError('Malformed JSON in request body')
  }
}

/** `Internet Explorer 11` is a name and a version. */
function browserOf(visitor: Draft): Draft {
  const [, name, version] = /^(.*\S)\s+(\d\S*)$/.exec(idOf(visitor['browser']) ?? '') ?? []
  return name === undefined ? {} : { browser: { name, version } }
}

const person: FieldMapping = [
  ['fullName', 'context.traits.name'],
  ['phoneNumber', 'context.traits.phone'],
  ['emailAddress', 'context.traits.email'],
  ['city', 'context.traits.city'],
  ['region', 'context.traits.region'],
  ['country', 'context.traits.country'],
  ['countryCode', 'context.traits.countryCode'],
  ['browser', 'context.browser.name'],
  ['operatingSystem', 'context.os.name'],
  ['referrer', 'context.page.referrer'],
  ['conversationBeginPage', 'context.page.url'],
  ['ip', 'context.ip'],
]

const feedback: FieldMapping = [
  ['organization', 'traits.organization'],
  ['chat_feedback', 'traits.chat_feedback'],
]

const transcriptFields: FieldMapping = [
  ['id', 'properties.id'],
  ['items', 'properties.items'],
  ['tags', 'properties.tags'],
  ['operators', 'properties.operators'],
]
