import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { reasonOf } from '../../src/core/errors.ts'
import { cacheFolder, downloaded } from './download.ts'

const run = promisify(execFile)

/** Apache Kafka's version: the last one all of whose parts resolve. */
const kafkaVersion = '4.3.1'
/** Apicurio's version: the last line that runs on Java 17. */
const registryVersion = '3.0.9'

/** No build: only a list of jars for Maven's dependency plugin. */
const pom = `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sluiceway</groupId>
  <artifactId>servers</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
${[
  ['org.apache.kafka', 'kafka_2.13', kafkaVersion],
  ['org.apache.kafka', 'kafka-tools', kafkaVersion],
  ['org.apache.logging.log4j', 'log4j-core', '2.24.3'],
  ['org.apache.logging.log4j', 'log4j-slf4j-impl', '2.24.3'],
]
  .map(
    ([group, artifact, version]) =>
      `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  )
  .join('\n')}
  </dependencies>
</project>
`

/**
 * Finds Kafka's jars, and downloads them (54 MB) where there are none.
 *
 * @param say told before a download
 * @returns the folder of the jars
 * @throws {SluicewayError} not_found when Maven is missing or cannot download
 */
export const kafkaJars = (say: (line: string) => void): Promise<string> =>
  downloaded(
    `kafka-${kafkaVersion}`,
    async (draft) => {
      say(`Downloading Kafka ${kafkaVersion} from Maven Central (54 MB, once) …`)
      await maven('3.8.1:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${draft}`)
    },
    central,
  )

/**
 * Finds Apicurio's jar, and downloads it (109 MB) where it is not there.
 *
 * @param say told before a download
 * @returns the path of the jar that starts it
 * @throws {SluicewayError} not_found when Maven is missing or cannot download
 */
export async function registryJar(say: (line: string) => void): Promise<string> {
  const name = `apicurio-registry-app-${registryVersion}`
  const fill = async (draft: string) => {
    say(`Downloading Apicurio Registry ${registryVersion} from Maven Central (109 MB, once) …`)
    // The parent pom of this version does not resolve: plugins newer than 2.10 read it and refuse.
    const artifact = `io.apicurio:apicurio-registry-app:${registryVersion}:tar.gz:all`
    await maven('2.10:get', `-Dartifact=${artifact}`, '-Dtransitive=false')
    const archive = join(repository(), 'io/apicurio/apicurio-registry-app', registryVersion, `${name}-all.tar.gz`)
    await run('tar', ['xzf', archive, '-C', draft])
  }
  const folder = await downloaded(`registry-${registryVersion}`, fill, central)
  return join(folder, `${name}-runner.jar`)
}

const central = { from: 'Maven Central', why: firstError }
const repository = () => join(cacheFolder(), 'm2')

/** Runs one goal of Maven's dependency plugin, with a repository of its own and the settings of this machine. */
async function maven(goal: string, ...args: readonly string[]): Promise<void> {
  const file = join(cacheFolder(), 'pom.xml')
  writeFileSync(file, pom)
  const plugin = `org.apache.maven.plugins:maven-dependency-plugin:${goal}`
  await run('mvn', [
    '-q',
    '-B',
    '-Dstyle.color=never',
    '-f',
    file,
    `-Dmaven.repo.local=${repository()}`,
    plugin,
    ...args,
  ])
}

function firstError(thrown: unknown): string {
  if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return 'Maven (mvn) is not installed'
  const { stdout = '', stderr = '' } = thrown as { stdout?: string; stderr?: string }
  return /\[ERROR\] (.*)/.exec(`${stdout}\n${stderr}`)?.[1] ?? reasonOf(thrown)
}

/**
 * Finds out whether there is a Java that the servers run on.
 *
 * @returns what is wrong, or undefined when Java 17 or newer is there
 */
export function missingJava(): string | undefined {
  const { status, stderr, stdout } = spawnSync('java', ['-version'], { encoding: 'utf8' })
  if (status !== 0) return 'Java 17 or newer is not installed'
  const version = /version "(\d+)/.exec(`${stderr}${stdout}`)?.[1] ?? ''
  return Number(version) >= 17 ? undefined : `Java ${version} is installed, 17 or newer is needed`
}
