// Must be loaded before the library. Its own engine gets the fetch of the platform, as bundlers give it to the library in a
// Worker; clock and chance stand still, so that two runs send the same.
const crypto = require('node:crypto')

const send = (...args) => globalThis.vendor(...args)
require.cache[require.resolve('cross-fetch')] = {
  id: 'cross-fetch',
  loaded: true,
  exports: Object.assign(send, { fetch: send, default: send, Headers, Request, Response, __esModule: true }),
}
require.cache[require.resolve('cross-fetch')].exports.default = send

const now = Date.parse('2026-11-29T10:00:00.500Z')
const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [now] : args))
  }
  static now() {
    return now
  }
}
Math.random = () => 0.42
const uuid = '00000000-0000-4000-8000-000000000001'
crypto.randomUUID = () => uuid
globalThis.crypto.randomUUID = () => uuid
crypto.randomBytes = (size) => Buffer.alloc(size, 7)
globalThis.crypto.getRandomValues = (array) => array.fill(7)
