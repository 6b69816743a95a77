import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where a client finds its packages, the server, the key and the calls. */
export interface Scene {
  /** Folder with the packages of the client's language. */
  readonly folder: string
  readonly url: string
  readonly writeKey: string
  /** Path of the calls. */
  readonly visit: string
}

/** An SDK and how it is made to send the visit. */
export interface Client {
  /** Name of the fixture. */
  readonly name: string
  readonly package: string
  readonly version: string
  /** What it sends after the visit, as it must arrive. */
  readonly more?: readonly Readonly<Record<string, unknown>>[]
  /** Puts the package, of this very version, into an empty folder. */
  readonly install: (folder: string) => void
  readonly command: (scene: Scene) => readonly [program: string, ...args: string[]]
}

const programs = join(import.meta.dirname, 'clients')
const run = (cwd: string, program: string, ...args: string[]) => execFileSync(program, args, { cwd, stdio: 'inherit' })

const npm = (name: string, packageName: string, version: string): Client => ({
  name,
  package: packageName,
  version,
  install: (folder) => {
    writeFileSync(join(folder, 'package.json'), '{"private":true}')
    run(folder, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', `${packageName}@${version}`)
  },
  command: ({ url, writeKey, visit }) => [
    process.execPath,
    join(programs, 'node.ts'),
    packageName,
    url,
    writeKey,
    visit,
  ],
})

interface Python {
  readonly version: string
  readonly module: string
}

const python = (name: string, packageName: string, { version, module }: Python): Client => ({
  name,
  package: packageName,
  version,
  more: [
    {
      type: 'track',
      userId: 'ada',
      event: 'Odd Numbers',
      // JSON has no NaN and no Infinity: they arrive as null. 2 to the 70th is no number that keeps its digits: it arrives as text.
      properties: { ratio: null, most: null, least: null, views: '1180591620717411303424' },
      timestamp: '2026-11-20T10:15:38.000Z',
    },
  ],
  install: (folder) => run(folder, 'pip', 'install', '--quiet', '--target', 'packages', `${packageName}==${version}`),
  command: ({ folder, url, writeKey, visit }) => [
    'env',
    `PYTHONPATH=${join(folder, 'packages')}`,
    'python3',
    join(programs, 'python.py'),
    module,
    url,
    writeKey,
    visit,
  ],
})

const go = (name: string, packageName: string, version: string): Client => ({
  name,
  package: packageName,
  version,
  install: (folder) => {
    run(folder, 'go', 'mod', 'init', 'record')
    run(folder, 'go', 'get', `${packageName}@${version}`)
    run(folder, 'cp', join(programs, name, 'main.go'), 'main.go')
    run(folder, 'go', 'build', '-mod=mod', '-o', 'client', '.')
  },
  command: ({ folder, url, writeKey, visit }) => [join(folder, 'client'), url, writeKey, visit],
})

interface Java {
  readonly version: string
  /** Name of the program, one file. */
  readonly program: string
}

const java = (name: string, packageName: string, { version, program }: Java): Client => ({
  name,
  package: packageName,
  version,
  install: (folder) => {
    const [groupId, artifactId] = packageName.split(':')
    mkdirSync(join(folder, 'jars'))
    writeFileSync(
      join(folder, 'pom.xml'),
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>record</groupId><artifactId>record</artifactId><version>1</version><dependencies><dependency>
<groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version>
</dependency></dependencies></project>`,
    )
    run(folder, 'mvn', '--quiet', '--batch-mode', 'dependency:copy-dependencies', '-DoutputDirectory=jars')
  },
  command: ({ folder, url, writeKey, visit }) => [
    'java',
    '-cp',
    join(folder, 'jars', '*'),
    join(programs, `${program}.java`),
    url,
    writeKey,
    visit,
  ],
})

/** Every server SDK that is recorded; the versions are those of the fixtures. */
export const clients: readonly Client[] = [
  python('rudder-python', 'rudder-sdk-python', { version: '2.1.9', module: 'rudderstack.analytics' }),
  python('segment-python', 'segment-analytics-python', { version: '2.4.0', module: 'segment.analytics' }),
  go('rudder-go', 'github.com/rudderlabs/analytics-go/v4', 'v4.2.1'),
  go('segment-go', 'github.com/segmentio/analytics-go/v3', 'v3.3.0'),
  java('rudder-java', 'com.rudderstack.sdk.java.analytics:analytics', { version: '3.1.2', program: 'RudderJava' }),
  java('segment-java', 'com.segment.analytics.java:analytics', { version: '3.5.4', program: 'SegmentJava' }),
  npm('rudder-node', '@rudderstack/rudder-sdk-node', '3.0.13'),
  npm('segment-node', '@segment/analytics-node', '3.1.0'),
  npm('segment-node-old', 'analytics-node', '6.2.0'),
  npm('customerio-node', '@customerio/cdp-analytics-node', '0.5.9'),
]
