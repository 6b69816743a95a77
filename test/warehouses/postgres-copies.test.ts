import { vi } from 'vitest'
import { engineSuite } from './engine-suite.ts'
import { hasPgBouncer, startPgBouncer } from '../support/real-pgbouncer.ts'
import { postgresInTest } from './postgres-in-test.ts'

// What the tests of every engine load is little: here it goes the way of loads that are large.
vi.mock('../../src/warehouses/postgres/insert.ts', () => ({ isSmall: () => false }))

engineSuite('postgres, by COPY', () => postgresInTest())
if (hasPgBouncer)
  engineSuite('postgres, by COPY through PgBouncer', () => postgresInTest((url) => startPgBouncer(url, 2)))
