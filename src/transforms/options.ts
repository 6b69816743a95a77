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

const texts = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string')
/** A name, also with a star before it. */
const host = /^(?:\*|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])$/i

/** By option, what is wrong with a value, or undefined. */
const checks: Readonly<Record<keyof IsolateOptions, (value: unknown) => string | undefined>> = {
  fetch: (value) => {
    if (!texts(value)) return 'must be a list of hosts, such as ["api.example.com"]'
    const wrong = (value as string[]).find((one) => !host.test(one))
    return wrong === undefined ? undefined : `takes names of hosts without scheme, port or path, not ${wrong}`
  },
  // What is in it is not shown: it may be a secret.
  credentials: (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object of texts by key'
    const wrong = Object.entries(value).filter(([, one]) => typeof one !== 'string')
    return wrong.length === 0 ? undefined : `must have a text for ${wrong.map(([key]) => key).join(', ')}`
  },
  geolocation: (value) =>
    typeof value === 'string' && URL.canParse(value) && /^https?:/.test(value) ? undefined : 'must be a URL',
  allowPrivate: (value) => (typeof value === 'boolean' ? undefined : 'must be true or false'),
  cpuMs: (value) =>
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 300_000
      ? undefined
      : 'must be a whole number of milliseconds, 1 to 300,000',
}

/**
 * Says what is wrong with options.
 *
 * @param options as they stand in the config
 * @param allowed names of those that there are here
 * @returns a sentence each
 */
export function optionProblems(options: object, allowed: readonly string[] = Object.keys(checks)): string[] {
  return Object.entries(options).flatMap(([key, value]) => {
    if (!allowed.includes(key)) return `${key} is no option; there are ${allowed.join(', ')}`
    const problem = value === undefined ? undefined : checks[key as keyof IsolateOptions](value)
    return problem === undefined ? [] : `${key} ${problem}`
  })
}

/** Options of a transform that runs in the Worker. */
export const inlineOptions: readonly string[] = Object.keys(checks).filter((key) => key !== 'cpuMs')
