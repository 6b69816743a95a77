import { describe, expect, test } from 'vitest'
import { readDeployFlags } from '../../scripts/check/command-line.ts'

const nothing = { env: undefined, file: undefined, script: undefined, secretsFile: undefined, vars: {}, args: [] }

describe('the command line of a deployment', () => {
  test.each<[string, object]>([
    ['deploy', {}],
    ['deploy --dry-run --outdir dist', {}],
    ['deploy --env eu', { env: 'eu' }],
    ['deploy -e eu', { env: 'eu' }],
    ['deploy --env=eu --minify', { env: 'eu' }],
    ['versions upload -e eu --message hello', { env: 'eu' }],
    ['deploy -c shop/wrangler.toml', { file: 'shop/wrangler.toml' }],
    ['deploy src/shop.ts --name shop', { script: 'src/shop.ts' }],
    ['deploy --name shop', {}],
    ['deploy --var LOCAL:0 --var CRM:https://crm.ada.dev/', { vars: { LOCAL: '0', CRM: 'https://crm.ada.dev/' } }],
    ['deploy --secrets-file .secrets', { secretsFile: '.secrets' }],
    ['deploy --alias #config:./shop.ts --define A:1', { args: ['--alias', '#config:./shop.ts', '--define', 'A:1'] }],
  ])('the command line of a deployment tells what its config depends on: %s', (line, told) => {
    expect(readDeployFlags(line.split(' '))).toEqual({ ...nothing, ...told })
  })

  test('the command line of a deployment wins over CLOUDFLARE_ENV, which stands where it has no environment', () => {
    expect(readDeployFlags(['deploy'], 'eu').env).toBe('eu')
    expect(readDeployFlags(['deploy', '--env', 'us'], 'eu').env).toBe('us')
  })
})
