import type { Json } from './json.ts'

/** A field of an action, or a setting, as the library declares it. */
export interface FieldDefinition {
  readonly type: string
  readonly label?: string
  readonly description?: string
  readonly required?: unknown
  readonly multiple?: boolean
  readonly default?: unknown
  readonly choices?: readonly unknown[] | null
  readonly properties?: Readonly<Record<string, FieldDefinition>>
}

/** What `perform` and `performBatch` get beside the request client. */
export type Data = Json

/** Sends, through the client that it is handed. */
export type Perform = (request: unknown, data: Data) => unknown

/** An action of a destination of the library: the part of its definition that is used here. */
export interface ActionDefinition {
  readonly title: string
  readonly description?: string
  readonly defaultSubscription?: string
  readonly fields?: Readonly<Record<string, FieldDefinition>>
  readonly hooks?: Readonly<Record<string, unknown>>
  readonly syncMode?: { readonly default?: string }
  readonly perform: Perform
  readonly performBatch?: Perform
}

/** A destination of the library: the part of its definition that is used here. */
export interface Definition {
  readonly name: string
  readonly slug?: string
  readonly mode: string
  readonly authentication?: {
    readonly scheme: string
    readonly fields?: Readonly<Record<string, FieldDefinition>>
    readonly refreshAccessToken?: (
      request: unknown,
      data: Json,
    ) => Promise<{ readonly accessToken: string; readonly refreshToken?: string }>
  }
  readonly presets?: readonly {
    readonly type: string
    readonly name?: string
    readonly partnerAction: string
    readonly subscribe?: string
    readonly mapping?: Json
  }[]
  readonly actions: Readonly<Record<string, ActionDefinition>>
  readonly extendRequest?: (data: Data) => Json
  /** Deletes a user; its payload has `userId` and `anonymousId`. */
  readonly onDelete?: Perform
}

/**
 * Takes a definition out of what a file of the library exports: bundlers disagree on the default export of CommonJS.
 *
 * @param imported the default import of `@segment/action-destinations/dist/destinations/<name>/index.js`
 * @returns the definition, or undefined where it is none
 */
export function definitionOf(imported: unknown): Definition | undefined {
  for (let found = imported, depth = 0; typeof found === 'object' && found !== null && depth < 3; depth++) {
    const { name, actions, default: inner } = found as Partial<Definition> & { readonly default?: unknown }
    if (typeof name === 'string' && typeof actions === 'object') return found as Definition
    found = inner
  }
  return undefined
}
