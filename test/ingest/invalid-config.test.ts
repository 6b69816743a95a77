import { describe, expect, test } from 'vitest'
import demoConfig from '../../src/config.ts'
import { detailsOf, missingValues } from '../../src/configure/missing-values.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { defineConfig } from '../../src/configure/define-config.ts'
import type { ConfigOf, Vars } from '../../src/core/config.ts'
import { SluicewayError } from '../../src/core/errors.ts'
import { invalidConfigResponse } from '../../src/ingest/invalid-config.ts'
import { log } from '../../src/streams/log.ts'
import { webhook } from '../../destinations/webhook.ts'

/** What a deployment with this config answers. */
function answerOf(path: string, configOf: ConfigOf, { env, local = false }: { env: Vars; local?: boolean }): Response {
  try {
    resolveConfig(configOf, env)
  } catch (thrown) {
    if (!(thrown instanceof SluicewayError)) throw thrown
    const missing = missingValues(configOf, env, thrown)
    const request = new Request(`https://events.ada.dev${path}`, { headers: { origin: 'https://shop.ada.dev' } })
    return invalidConfigResponse(request, { missing, problems: detailsOf(thrown).problems, local })
  }
  throw new Error('the config is valid')
}

describe('a deployment whose config is not valid', () => {
  test('a deployment whose config is not valid says at /health that it is down, what is missing, and the commands that set it', async () => {
    const response = answerOf('/health', demoConfig, { env: {} })
    expect(response.status).toBe(503)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toEqual({
      status: 'DOWN',
      code: 'config_invalid',
      missing: ['WRITE_KEY', 'WEBHOOK_URL', 'WEBHOOK_SECRET'],
      problems: [
        'destinations.webhook: "url" is missing: Where events are sent.',
        'destinations.webhook: "secret" has no value, so that nothing would be signed or verified with it; set it in env, or leave it out',
        'sources.web: "writeKey" is missing; set it in the config or as a secret in env',
      ],
      message:
        'To set what is missing, run "npx wrangler secret put WRITE_KEY" and "npx wrangler secret put WEBHOOK_URL" and "npx wrangler secret put WEBHOOK_SECRET".',
    })
  })

  test("a deployment whose config is not valid names .dev.vars instead on a developer's machine", async () => {
    const { message } = (await answerOf('/health', demoConfig, { env: {}, local: true }).json()) as { message: string }
    expect(message).toContain('.dev.vars as NAME=value')
    expect(message).not.toContain('secret put')
  })

  test('a deployment whose config is not valid answers everything else so that SDKs keep their events, and points to /health', async () => {
    const response = answerOf('/v1/track', demoConfig, { env: {} })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('30')
    expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.ada.dev')
    expect(await response.json()).toEqual({
      success: false,
      code: 'config_invalid',
      message: expect.stringContaining('/health') as string,
    })
  })

  test('a deployment whose config is not valid tells nobody a value or a host of its config', async () => {
    const config = defineConfig((env) => ({
      stream: log(),
      sources: { web: { writeKey: 'keyOfTheShop', to: ['ledger.corp.internal'] } } as never,
      destinations: {
        crm: { use: webhook({ url: 'https://crm.corp.internal/', secret: env.CRM_SECRET }) },
        'http://10.0.0.1/" is missing: ': { use: webhook({ url: 'https://crm.ada.dev/' }) },
      },
      admin: { token: 'tokenOfAda' },
    }))
    const text = await answerOf('/health', config, { env: { CRM_SECRET: 'secretOfTheCrm' } }).text()
    for (const hidden of ['internal', '10.0.0.1', 'keyOfTheShop', 'tokenOfAda', 'secretOfTheCrm'])
      expect(text).not.toContain(hidden)
    const { missing, problems, message } = JSON.parse(text) as Record<string, unknown>
    expect(missing).toEqual([])
    expect(problems).toContain('destinations.crm: something is wrong; the log says what')
    expect(problems).toContain('admin: something is wrong; the log says what')
    expect(message).toContain('log')
  })

  test('a deployment whose config threw tells nobody what it threw', async () => {
    const config: ConfigOf = () => {
      throw new Error('no host db.corp.internal')
    }
    expect(await answerOf('/health', config, { env: {} }).json()).toMatchObject({
      missing: [],
      problems: ['config: something is wrong; the log says what'],
    })
  })
})
