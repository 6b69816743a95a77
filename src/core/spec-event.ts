import type { Event } from './event.ts'
import { isRecord } from './json.ts'
import type { SpecProperties } from './spec-properties.ts'

type Fields = { [field: string]: unknown }

type Address = { street?: string; city?: string; state?: string; postalCode?: string; country?: string }

/** Traits that an identify may have. */
type UserTraits = Fields & {
  id?: string
  name?: string
  firstName?: string
  lastName?: string
  username?: string
  email?: string
  phone?: string
  age?: number
  birthday?: string
  gender?: string
  title?: string
  avatar?: string
  website?: string
  description?: string
  createdAt?: string
  address?: Address
  company?: Fields & {
    name?: string
    id?: string | number
    industry?: string
    employee_count?: number
    plan?: string
  }
}

/** Traits that a group may have. */
type GroupTraits = Fields & {
  id?: string
  name?: string
  industry?: string
  employees?: string | number
  plan?: string
  email?: string
  phone?: string
  avatar?: string
  website?: string
  description?: string
  createdAt?: string
  address?: Address
}

/** What a page is, in its properties and in `context.page`. */
type PageFields = Fields & {
  name?: string
  category?: string
  url?: string
  path?: string
  title?: string
  referrer?: string
  search?: string
  keywords?: string[]
}

/** Parts of the context that SDKs fill in. */
type SpecContext = Fields & {
  ip?: string
  locale?: string
  timezone?: string
  userAgent?: string
  page?: PageFields
  traits?: UserTraits
  app?: Fields & { name?: string; version?: string; build?: string | number; namespace?: string }
  campaign?: Fields & {
    name?: string
    source?: string
    medium?: string
    term?: string
    content?: string
    id?: string
  }
  device?: Fields & { id?: string; type?: string; name?: string; model?: string; manufacturer?: string }
  library?: Fields & { name?: string; version?: string }
  network?: Fields & { carrier?: string; wifi?: boolean; cellular?: boolean; bluetooth?: boolean }
  os?: Fields & { name?: string; version?: string }
  screen?: Fields & { width?: number; height?: number; density?: number }
}

/** What every event may have, whatever its type; see `Event`. */
type Common = Fields & {
  messageId: string
  anonymousId?: string
  userId?: string
  groupId?: string
  previousId?: string
  context?: SpecContext
  integrations?: Fields
  originalTimestamp?: string
  sentAt?: string
  timestamp?: string
  receivedAt?: string
  channel?: string
}

type Track<Name extends string, Properties> = Common & {
  type: 'track'
  event: Name
  properties: Properties & Fields
  traits?: Fields
  name?: string
}

type Call<Type extends string, More> = Common & { type: Type; event?: never } & More

/**
 * A track event of the specification by its name, e.g. `TrackEvent<'Order Completed'>`.
 *
 * `More` are properties by the names of events of your own: `TrackEvent<'Plan Upgraded', { 'Plan Upgraded': { plan: string } }>`.
 */
export type TrackEvent<Name extends keyof (SpecProperties & More) & string, More = unknown> = {
  [N in Name]: Track<N, (SpecProperties & More)[N]>
}[Name]

/**
 * Every event of the specification, so that the compiler knows the properties once `type` or `event` is known.
 *
 * `More` are properties by the names of events of your own: a name that is in neither is an error of the compiler, which finds
 * misspelled ones. Types say what the specification says: the edge does not check properties.
 */
export type SpecEvent<More = unknown> =
  | TrackEvent<keyof (SpecProperties & More) & string, More>
  | Call<'identify', { traits?: UserTraits; properties?: Fields; name?: string }>
  | Call<'group', { groupId: string; traits?: GroupTraits; properties?: Fields; name?: string }>
  | Call<'page', { name?: string; category?: string; properties?: PageFields; traits?: Fields }>
  | Call<'screen', { name?: string; category?: string; properties?: Fields & { name?: string }; traits?: Fields }>
  | Call<'alias', { previousId: string; userId: string; properties?: Fields; traits?: Fields; name?: string }>

/**
 * Tells whether an event is a track event of a name of the specification, and lets the compiler know its properties.
 *
 * @param name e.g. `Order Completed`, compared as it is written
 * @returns false also where its properties are no object; what is in them is not looked at
 */
export const isTrack = <Name extends keyof SpecProperties & string>(
  event: Event,
  name: Name,
): event is Event & TrackEvent<Name> => event.type === 'track' && event.event === name && isRecord(event.properties)
