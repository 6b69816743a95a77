/** An object as text, and what tells this version of it from others. */
export interface StoredText {
  readonly text: string
  readonly etag: string
}

/** The version that must be there when an object is written: an etag, null for none at all, undefined for any. */
export type Expected = string | null | undefined

/**
 * Where the files of a lake live. Every call is one operation of the store, and may be repeated.
 *
 * They reject with `warehouse_failed`, whose details say what failed (see FailureScope).
 */
export interface ObjectStore {
  /** Milliseconds that must lie between two writes of one object. */
  readonly writeMs: number
  /** Null when there is no such object. */
  readonly get: (key: string) => Promise<StoredText | null>
  /** The bytes of an object; null when there is no such object. It rejects when it has more than `most` bytes. */
  readonly read: (key: string, most: number) => Promise<Uint8Array<ArrayBuffer> | null>
  /** The etag of what was written; rejects when what is there is not what was expected, where the store can tell. */
  readonly put: (key: string, body: Uint8Array<ArrayBuffer> | string, expected?: Expected) => Promise<string>
}
