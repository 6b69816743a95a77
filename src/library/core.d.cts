import type * as core from '@segment/actions-core'
import type * as fql from '@segment/destination-subscriptions'

/** A check of `ajv-formats`. */
type Format =
  | true
  | RegExp
  | ((value: string) => boolean)
  | { readonly type?: string; readonly validate: RegExp | ((value: never) => boolean) }

declare const door: {
  readonly core: typeof core
  readonly fql: typeof fql
  readonly dayjs: {
    (value: string): { readonly isValid: () => boolean }
    readonly unix: (seconds: number) => { readonly isValid: () => boolean }
  }
  readonly formats: Readonly<Record<string, Format | undefined>>
}
export = door
