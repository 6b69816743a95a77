import { expect, test, vi } from 'vitest'
import { optionProblems } from '../../src/transforms/options.ts'
import { transformsShape } from '../../src/configure/transform-shape.ts'
import { inlineTransform } from '../../src/transforms/inline.ts'
import { isolatedTransform } from '../../src/transforms/isolated.ts'

const platform = vi.hoisted(() => ({ env: {} as Record<string, unknown>, exports: {} }))
vi.mock('cloudflare:workers', () => platform)

const built = { name: 'score', file: 'transforms/score.ts', functions: ['transformEvent'] }
const code = { hash: 'h-1', main: 'harness.js', modules: {} }

/** What a config with these transforms is told. */
const problemsOf = (transforms: unknown): string[] => {
  const found: string[] = []
  transformsShape(transforms, ({ path, problem }) => found.push(`${path}: ${problem}`))
  return found
}

test.each([
  [{ fetch: ['https://api.example.com/v1'] }, 'fetch takes names of hosts without scheme, port or path, not https://'],
  [{ fetch: 'api.example.com' }, 'fetch must be a list of hosts, such as ["api.example.com"]'],
  [{ credentials: { apiKey: undefined, plan: 'pro' } }, 'credentials must have a text for apiKey'],
  [{ geolocation: 'geo.example.com' }, 'geolocation must be a URL'],
  [{ cpuMs: 0 }, 'cpuMs must be a whole number of milliseconds, 1 to 300,000'],
  [{ cpu: 50 }, 'cpu is no option; there are fetch, credentials, geolocation, allowPrivate, cpuMs'],
])('the options %j are a problem of the config', (options, problem) => {
  expect(optionProblems(options)).toEqual([expect.stringContaining(problem)])
})

test('options that are right are no problem, and no secret is in what is said of wrong ones', () => {
  expect(
    optionProblems({
      fetch: ['api.example.com', '*.example.org', '*'],
      credentials: { apiKey: 'k-1' },
      geolocation: 'https://geo.example.com',
      cpuMs: 50,
    }),
  ).toEqual([])
  expect(optionProblems({ credentials: 'sk_live_1' }).join()).not.toContain('sk_live_1')
})

test('a config with an isolated transform and no binding ISOLATES is told what to add', () => {
  const { isolated, inline } = { isolated: isolatedTransform(built, code), inline: inlineTransform(built, () => ({})) }
  expect(problemsOf([inline, isolated])).toEqual([
    '[1]: score: score.isolated needs the binding ISOLATES; add to wrangler.toml: [[worker_loaders]] binding = "ISOLATES"',
  ])
  platform.env['ISOLATES'] = {}
  expect(problemsOf([isolatedTransform(built, code), isolatedTransform(built, code)({ cpuMs: 50 })])).toEqual([])
})

test('one place takes as many isolated transforms as a Durable Object may call at once', () => {
  platform.env['ISOLATES'] = {}
  const isolated = isolatedTransform(built, code)
  expect(problemsOf(Array.from({ length: 10 }, () => isolated))).toEqual([])
  expect(problemsOf(Array.from({ length: 11 }, () => isolated))).toEqual([
    expect.stringContaining('has 11 isolated transforms; the platform takes 10 at one place'),
  ])
})

test('an option that is only for isolates is a problem inline', () => {
  expect(problemsOf([inlineTransform(built, () => ({}))({ cpuMs: 50 } as object)])).toEqual([
    '[0]: score: cpuMs is no option; there are fetch, credentials, geolocation, allowPrivate',
  ])
})
