import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../start/port.ts'
import { JavaProcess } from './java-process.ts'
import { registryJar } from './maven.ts'

const host = '127.0.0.1'

export interface RegistryOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number
  readonly say?: (line: string) => void
}

/** A real schema registry (Apicurio), in memory: it is empty after each start. */
export interface RegistryServer {
  /** Base of the API that Confluent's registry has: `<url>/subjects` and so on. */
  readonly url: string
  readonly pid: number | undefined
  readonly freeze: () => Promise<void>
  readonly thaw: () => void
  readonly kill: () => Promise<void>
  /** Ends it in good order if it runs, and starts it on the same port, empty. */
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

/**
 * Starts Apicurio on the loopback.
 *
 * @param options where
 * @returns the registry, ready
 * @throws {SluicewayError} not_found when it is not on this machine and cannot be downloaded; internal when it does not start
 */
export async function startRegistry(options: RegistryOptions = {}): Promise<RegistryServer> {
  const jar = await registryJar(options.say ?? (() => {}))
  const folder = mkdtempSync(join(tmpdir(), 'sluiceway-registry-'))
  const base = `http://${host}:${await freePort(host, options.port ?? 0)}`
  const server = new JavaProcess({
    name: 'The registry',
    args: [
      '-Xms64m',
      '-Xmx384m',
      `-Dquarkus.http.host=${host}`,
      `-Dquarkus.http.port=${new URL(base).port}`,
      '-jar',
      jar,
    ],
    log: join(folder, 'server.log'),
    seconds: 120,
    isReady: () => isOk(`${base}/health/ready`),
  })
  await server.start()
  return {
    url: `${base}/apis/ccompat/v7`,
    get pid() {
      return server.pid
    },
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    kill: () => server.kill(),
    restart: async () => {
      await server.halt()
      await server.start()
    },
    stop: async () => {
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function isOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok
  } catch {
    return false
  }
}
