/** What a transform that the build made from a file is given beside its events. */
export interface TransformOptions {
  /**
   * Hosts that `fetch` and `fetchV2` may ask, such as `api.example.com` or `*.example.com`; `*` for every public one. Default:
   * inline every public one, isolated none. Private addresses are never reached, not by a redirect either.
   */
  readonly fetch?: readonly string[]
  /** What `getCredential` finds. Nothing else of the config or of `env` is given. */
  readonly credentials?: Readonly<Record<string, string | undefined>>
  /**
   * URL of a service that answers `GET <url>/geoip/<ip>` with JSON, for `geolocation` of an address that the edge has no facts
   * about.
   */
  readonly geolocation?: string | undefined
  /** Lets it reach private addresses and http on this machine, for tests. */
  readonly allowPrivate?: boolean
}

/** Beside these, of an isolate. */
export interface IsolateOptions extends TransformOptions {
  /** Milliseconds of CPU that one call may take; the platform ends it. Default 4,000. */
  readonly cpuMs?: number
}
