// The same suite against a real registry: Apicurio, in memory.
import { afterAll, beforeAll, describe } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { type RegistryServer, startRegistry } from '../../scripts/servers/registry.ts'
import { registrySuite } from './registry-suite.ts'

describe.skipIf((await missingServer('registry')) !== undefined)('a registry that is real', () => {
  let registry: RegistryServer | undefined
  beforeAll(async () => {
    registry = await startRegistry()
  }, 180_000)
  afterAll(() => registry?.stop())

  registrySuite('Apicurio 3.0.9', () => ({ url: registry?.url ?? '', fetch: (request) => fetch(request) }))
})
