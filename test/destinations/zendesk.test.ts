import { expect, test } from 'vitest'
import { zendesk } from '../../destinations/zendesk.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { headerOf } from '../support/sample-events.ts'

const destination = zendesk({ subdomain: 'shop', email: 'agent@example.com', apiToken: 'token-of-ada' })
const bodyOf = (event: object): unknown => {
  const item = destination.encode(new Envelope(headerOf('order-1'), JSON.stringify({ messageId: 'order-1', ...event })))
  return (JSON.parse(item?.text ?? '{}') as { body: unknown }).body
}

test.each([
  [
    { name: ' ', email: ' ' },
    { external_id: 'ada', name: 'ada' },
  ],
  [
    { name: ' ', email: 'ada@example.com' },
    { external_id: 'ada', name: 'ada@example.com', email: 'ada@example.com' },
  ],
  [
    { firstName: ' ', lastName: 'Lovelace' },
    { external_id: 'ada', name: 'Lovelace' },
  ],
])(
  'a user of Zendesk whose traits are blanks gets what else there is, as Zendesk takes no empty name: %j',
  (traits, user) => {
    expect(bodyOf({ type: 'identify', userId: 'ada', traits })).toEqual({ user: { ...user, skip_verify_email: true } })
  },
)

test('an organization of Zendesk whose groupId is blank is none: all such would be one', () => {
  expect(() => bodyOf({ type: 'group', groupId: ' ', traits: { name: 'Shop' } })).toThrow('needs the groupId')
})
