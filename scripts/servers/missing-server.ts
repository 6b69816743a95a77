import { reasonOf } from '../../src/core/errors.ts'
import { kafkaJars, missingJava, registryJar } from './maven.ts'

/** The servers that tests can start. */
export type ServerName = 'kafka' | 'registry'

/** Set where a test must not be left out for a server that is missing, as in `.ci/run`. */
const required = 'REAL_SERVERS'

const say = (line: string) => process.stderr.write(`${line}\n`)

/**
 * Finds out whether a real server can be started, and downloads it where it is not there yet.
 *
 * @param name which one
 * @returns undefined when it can; else why not, said in one line on stderr as well
 * @throws what was wrong, where `REAL_SERVERS=required` is set
 */
export async function missingServer(name: ServerName): Promise<string | undefined> {
  const missing = missingJava() ?? (await download(name))
  if (missing === undefined) return undefined
  if (process.env[required] === 'required') throw new Error(`${missing}, and ${required} is "required"`)
  say(`SKIPPED: tests against a real ${name === 'kafka' ? 'Kafka' : 'schema registry'}, because ${missing}`)
  return missing
}

async function download(name: ServerName): Promise<string | undefined> {
  try {
    await (name === 'kafka' ? kafkaJars(say) : registryJar(say))
    return undefined
  } catch (thrown) {
    return reasonOf(thrown)
  }
}
