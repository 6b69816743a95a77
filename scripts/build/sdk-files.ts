import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beaconPlaces } from '../../src/ingest/beacon-name.ts'
import { sdkAliases, sdkFolder } from '../../src/ingest/sdk-headers.ts'
import { limitKeepalive } from './keepalive.ts'

interface File {
  /** Below `dist/assets`. */
  readonly path: string
  readonly contents: string | Uint8Array
}

interface Options {
  /** The repository. */
  readonly root: string
  /** RudderStack's SDK as one script. */
  readonly rudder: Uint8Array
}

/** Packages whose versions are in the URLs. */
export const sdkPackages = ['@rudderstack/analytics-js', '@segment/analytics-next'] as const

/**
 * Lists the browser SDKs as pages load them: each under a path that holds its version, under a short one that is always the
 * deployed version, and under both again with neutral names (`a` is RudderStack's, `b` is Segment's). Licenses lie beside.
 *
 * @returns files below `dist/assets`
 * @throws when a script is not built as expected: what is patched in it must be looked at again
 */
export function sdkFiles({ root, rudder }: Options): File[] {
  const [rudderHome, segmentHome] = sdkPackages.map((name) => join(root, 'node_modules', name)) as [string, string]
  const rudderVersion = versionIn(rudderHome)
  const segmentVersion = versionIn(segmentHome)
  const umd = join(segmentHome, 'dist/umd')
  const standalone = limitKeepalive(readFileSync(join(umd, 'standalone.js'), 'utf8'))
  if (beaconPlaces(new TextDecoder().decode(rudder)) !== 1)
    throw new Error('the script of @rudderstack/analytics-js has changed: its beacons do not go where they did')
  const chunks = readdirSync(umd).filter((name) => name.endsWith('.js') && name.includes('.bundle.'))
  const license = (home: string) => {
    const name = readdirSync(home).find((one) => /^licen[cs]e/i.test(one))
    if (name === undefined) throw new Error(`${home} has no license`)
    return readFileSync(join(home, name))
  }
  const named = (folder: string, name: string) => [`${folder}/${name}`, `${sdkAliases[folder]}`] as const
  const files: File[] = []
  const add = (path: string, contents: File['contents']) =>
    files.push({ path: `${sdkFolder.slice(1)}/${path}`, contents })

  for (const [folder, name] of [
    ['rudder-analytics', `${rudderVersion}/rsa.min.js`],
    ['a', `${rudderVersion}.js`],
  ] as const) {
    for (const path of named(folder, name)) add(path, rudder)
    add(`${folder}/${rudderVersion}/LICENSE.txt`, license(rudderHome))
  }
  for (const [folder, name] of [
    ['analytics-next', 'standalone.js'],
    ['b', 'index.js'],
  ] as const) {
    const home = `${folder}/${segmentVersion}`
    const [own, alias] = named(folder, `${segmentVersion}/${name}`)
    add(own, firstParty(standalone, './'))
    add(alias, firstParty(standalone, `./${home}/`))
    for (const chunk of chunks) add(`${home}/${chunk}`, plain(readFileSync(join(umd, chunk), 'utf8')))
    add(`${home}/LICENSE.txt`, license(segmentHome))
  }
  return files
}

const versionIn = (home: string): string =>
  (JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }).version

/** The source maps stay where they are. */
const plain = (text: string): string => text.replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n')

const publicPath =
  /([a-z]\.p)=(\w+\?\w+\+"\/analytics-next\/bundles\/":"https:\/\/cdn\.segment\.com\/analytics-next\/bundles\/")/g
const lastCdn = /\|\|("https:\/\/cdn\.segment\.com")\}/g
/** The script looks for its host in its own URL, but only on https. */
const ownUrl = /(\(https)(:\\\/\\\/\.\*\)\\\/analytics\\\.js\\\/v1)/g
const lastHost = /="(api\.segment\.io)\/v1"/g

/**
 * Keeps Segment's script with the host that served it: it loads its chunks from there, asks there for its settings where the
 * page does not say otherwise (`cdnURL`, or `analytics._cdn` before it loads), and reports there when it cannot start. As it
 * comes, it would call Segment's hosts.
 *
 * @param chunks where they are, relative to the script
 */
function firstParty(script: string, chunks: string): string {
  const found = [publicPath, ownUrl, lastCdn, lastHost].map((pattern) => script.match(pattern)?.length ?? 0)
  if (found.some((count) => count !== 1))
    throw new Error(
      `standalone.js of @segment/analytics-next has changed: ${found.join(', ')} places instead of 1 each`,
    )
  const src = 'document.currentScript&&document.currentScript.src'
  const here = (member: string) => `new URL(document.currentScript.src).${member}`
  return plain(script)
    .replace(publicPath, (_, target: string, theirs: string) => {
      const ours = `new URL(${JSON.stringify(chunks)},document.currentScript.src).href`
      return `${target}=${src}?${ours}:${theirs}`
    })
    .replace(ownUrl, '$1?$2')
    .replace(lastCdn, (_, theirs: string) => `||(${src}?${here('origin')}:${theirs})}`)
    .replace(lastHost, (_, theirs: string) => `=(${src}?${here('host')}:"${theirs}")+"/v1"`)
}
