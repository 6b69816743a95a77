/** Code of users by the name of its file: what RudderStack runs, as it stands there. */
export const code: Readonly<Record<string, string>> = {
  'returns.js': `
export function transformEvent(event, metadata) {
  const { returns } = event.properties
  if (returns === 'itself') return event
  if (returns === 'another') return { ...event, event: 'Another' }
  if (returns === 'null') return null
  if (returns === 'undefined') return undefined
  if (returns === 'nothing') return
  if (returns === 'empty array') return []
  if (returns === 'array') return [event, { ...event, event: 'Second' }]
  if (returns === 'array with text') return [event, 'text']
  if (returns === 'array with null') return [event, null]
  if (returns === 'nested array') return [[event]]
  if (returns === 'text') return 'text'
  if (returns === 'number') return 42
  if (returns === 'true') return true
  if (returns === 'function') return () => event
  if (returns === 'throws') throw new TypeError('no total')
  if (returns === 'throws text') throw 'plain text'
  if (returns === 'reference error') return notThere(event)
  if (returns === 'no id') { delete event.messageId; return event }
  if (returns === 'empty id') return { ...event, messageId: '' }
  if (returns === 'number as id') return { ...event, messageId: 7 }
  if (returns === 'other id') return { ...event, messageId: 'of-my-own' }
  if (returns === 'metadata') return { ...event, properties: metadata(event) }
  if (returns === 'metadata of another') return { ...event, properties: metadata({ messageId: 'unknown' }) }
}
`,
}
