import config from '#config'
import { sluiceway } from './worker.ts'

const app = sluiceway(config)

export class Log extends app.Log {}
export class Lane extends app.Lane {}
export class Loader extends app.Loader {}
export class Suppression extends app.Suppression {}
export class RateLimiter extends app.RateLimiter {}
export class Identity extends app.Identity {}

/** The same handlers under a name: a local server reaches them without the proxy that static assets put before `default`. */
export const direct = app.handler

export default app.handler
