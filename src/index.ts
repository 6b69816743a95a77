import config from '#config'
import { sluiceway } from './worker.ts'

const app = sluiceway(config)

/** Keeps a partition of the log. */
export class Log extends app.Log {}
/** Delivers to one destination or stages for one warehouse, a partition each. */
export class Lane extends app.Lane {}
/** Sends for lanes that need more connections than one invocation has. */
export class RemoteSender extends app.RemoteSender {}
/** Loads what is staged for one warehouse. */
export class Loader extends app.Loader {}
/** Keeps the list of users whose events are not taken. */
export class Suppression extends app.Suppression {}
/** Counts the events of one source against its rate. */
export class RateLimiter extends app.RateLimiter {}
/** Remembers who is who for one webhook source. */
export class Identity extends app.Identity {}
/** Keeps a partition of a topic that others produce to. */
export class Topic extends app.Topic {}
/** Keeps the members and offsets of one consumer group. */
export class Group extends app.Group {}
/** Knows which consumer groups and topics there are. */
export class Catalog extends app.Catalog {}
/** Speaks to one partition of the Kafka that is the stream. */
export class Kafka extends app.Kafka {}
/** Reads the topics of one Kafka source. */
export class Poller extends app.Poller {}
/** Lets isolated transforms ask what the config lets them ask. */
export { TransformFetch } from './transforms/transform-fetch.ts'

/** The same handlers under a name: a local server reaches them without the proxy that static assets put before `default`. */
export const direct = app.handler

/** What the config serves, for `npm start`, which asks from inside the runtime. */
export const summary = app.summary

export default app.handler
