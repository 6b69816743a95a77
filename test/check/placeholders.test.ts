import { expect, test } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import { judgeWithPlaceholders, placeholdersFor } from '../../scripts/check/placeholders.ts'
import { defineConfig } from '../../src/configure/define-config.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { ConfigOf, Vars } from '../../src/core/config.ts'
import { log } from '../../src/streams/log.ts'
import { postgres } from '../../src/warehouses/postgres.ts'

const candidates = (...names: string[]) => new Map(names.map((name) => [name, placeholdersFor(name)]))
let evaluations = 0
const judgeOf = (configOf: ConfigOf) => async (values: Vars) => {
  evaluations++
  try {
    resolveConfig(configOf, values)
    return { message: undefined }
  } catch (error) {
    return { message: (error as Error).message }
  }
}

const shop = defineConfig((env) => ({
  stream: log(),
  sources: { web: { writeKey: env['WRITE_KEY'] }, app: { writeKey: env['APP_KEY'] } },
  destinations: { crm: { use: webhook({ url: env['CRM_URL'], secret: env['CRM_SECRET'] }) } },
  warehouses: { tables: { use: postgres({ url: env['POSTGRES_URL'] }) } },
  admin: { token: env['ADMIN_TOKEN'] },
}))
const names = ['WRITE_KEY', 'APP_KEY', 'CRM_URL', 'CRM_SECRET', 'POSTGRES_URL', 'ADMIN_TOKEN']

test('placeholders of secrets have the look that their names speak of, so that one evaluation is enough', async () => {
  evaluations = 0
  expect(await judgeWithPlaceholders(candidates(...names), judgeOf(shop))).toEqual({ message: undefined })
  expect(evaluations).toBe(1)
})

test('placeholders of secrets whose names say nothing are found by what the config says about them', async () => {
  const plain = defineConfig((env) => ({
    stream: log(),
    sources: { web: { writeKey: env['A'], to: JSON.parse(env['D'] ?? '') as never } },
    destinations: { crm: { use: webhook({ url: env['B'] }) } },
    warehouses: { tables: { use: postgres({ url: env['C'] }) } },
  }))
  expect(await judgeWithPlaceholders(candidates('A', 'B', 'C', 'D'), judgeOf(plain))).toEqual({ message: undefined })
})

test('placeholders of secrets hide no mistake of the config, and cause none that is not there', async () => {
  const wrong = defineConfig((env) => ({
    stream: log({ partitions: 1.5 }),
    sources: { web: { writeKey: env['KEY'] } },
    destinations: { crm: { use: webhook({ url: env['CRM'] }), retryDays: 'x' as never } },
  }))
  const { message } = await judgeWithPlaceholders(candidates('KEY', 'CRM'), judgeOf(wrong))
  expect(message?.split('\n').map((line) => line.split('"').slice(0, 2).join('"'))).toEqual([
    'The config has 2 problems:',
    '- destinations.crm: "retryDays',
    '- stream: "partitions',
  ])
})

test('placeholders of secrets are no two the same', () => {
  expect(new Set(names.flatMap((name) => placeholdersFor(name)[0])).size).toBe(names.length)
})
