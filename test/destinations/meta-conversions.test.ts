import { expect, test } from 'vitest'
import { metaConversions } from '../../destinations/meta-conversions.ts'
import { verdictOfStatus } from '../../src/lanes/status-verdict.ts'

const meta = metaConversions({ pixelId: '1234567890', accessToken: 'token-of-ada' })
const verdictOf = (status: number, error: object) => {
  const response = { status, headers: {}, body: JSON.stringify({ error }) }
  return meta.verdicts?.(response, []) ?? verdictOfStatus(response, 0)
}

test.each([
  [400, { code: 190, message: 'The access token has expired' }, 'pause'],
  [403, { code: 200, message: 'Permission is missing' }, 'pause'],
  [400, { code: 80004, message: 'Too many calls' }, 'retry'],
  [400, { code: 100, is_transient: true }, 'retry'],
  [400, { code: 100, message: 'Invalid parameter' }, 'dead'],
  [400, { code: 2804050 }, 'dead'],
  [400, { code: 100, error_subcode: 33, message: "Object with ID '1234567890' does not exist" }, 'pause'],
  [408, { code: 100 }, 'retry'],
  [500, { code: 100, message: 'Invalid parameter' }, 'retry'],
  [503, { code: 100 }, 'retry'],
  [429, { code: 100 }, 'retry'],
  [500, { code: 1, message: 'An unknown error occurred' }, 'retry'],
])(
  'the code of an error of Meta with the status %i decides, but no fault of its servers is a verdict: %j',
  (...one) => {
    const [status, error, kind] = one
    expect(verdictOf(status, error)).toMatchObject({ kind })
  },
)
