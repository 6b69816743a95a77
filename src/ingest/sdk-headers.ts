/** Where `dist/assets` holds the browser SDKs; `paths.sdk` may put another name before them. */
export const sdkFolder = '/sdk'

/**
 * The browser SDKs by the folder of their versions, with the name that is always the deployed version. `a` and `b` are the
 * same files under names that no list of an ad blocker knows.
 */
export const sdkAliases: Readonly<Record<string, string>> = {
  'rudder-analytics': 'rudder-analytics.min.js',
  'analytics-next': 'analytics-next.js',
  a: 'a.js',
  b: 'b.js',
}

const everywhere = {
  'access-control-allow-origin': '*',
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
}

/** A file whose URL holds its version never changes. */
const forever = { ...everywhere, 'cache-control': 'public, max-age=31536000, immutable' }
/** Five minutes after a deployment every page has the new version. */
const shortly = { ...everywhere, 'cache-control': 'public, max-age=300' }

/** Headers by the path of a file below the SDKs' folder, e.g. `/analytics-next.js`. */
export const sdkHeaders = (path: string): Readonly<Record<string, string>> =>
  path.split('/').length > 2 ? forever : shortly

/**
 * Writes the same for files that Cloudflare serves without asking the Worker.
 *
 * @returns text of `_headers`, see https://developers.cloudflare.com/workers/static-assets/headers/ (checked 2026-11-25)
 */
export function headersFile(): string {
  const rule = (path: string, headers: Readonly<Record<string, string>>) =>
    [path, ...Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`), ''].join('\n')
  // No path may match two rules: the values of both would be joined.
  return [
    rule(`${sdkFolder}/:file`, shortly),
    ...Object.keys(sdkAliases).map((folder) => rule(`${sdkFolder}/${folder}/*`, forever)),
  ].join('\n')
}
