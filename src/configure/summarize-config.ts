import type { ResolvedConfig } from '../core/resolved-config.ts'

/** What a config serves to whom, for the one who starts it. */
export interface ConfigSummary {
  /** Those that take requests. */
  readonly sources: readonly {
    readonly name: string
    /** Secret where the source takes webhooks of a vendor that does not sign. */
    readonly writeKey: string
    readonly enabled: boolean
    /** The vendor, for a source that takes webhooks. */
    readonly webhook?: string
  }[]
  /** Put before the routes of events. */
  readonly ingest: string
  /** Whether there is an admin API; its token is not told. */
  readonly admin: boolean
  readonly demo: boolean
  /** Names of the users of `/kafka`; none where it is closed. */
  readonly kafkaUsers: readonly string[]
}

/**
 * Says what a config serves.
 *
 * @param resolved the config
 * @returns data for JSON; never for an answer that strangers can ask for, because it holds all write keys
 */
export const summarizeConfig = ({ sources, paths, adminToken, demo, stream }: ResolvedConfig): ConfigSummary => ({
  sources: [...sources.values()]
    .filter(({ kafka }) => kafka === undefined)
    .map(({ name, writeKey, enabled, webhook }) => ({
      name,
      writeKey,
      enabled,
      ...(webhook === undefined ? {} : { webhook: webhook.name }),
    })),
  ingest: paths.ingest,
  admin: adminToken !== undefined,
  demo: demo !== false,
  kafkaUsers: stream.log?.users ?? [],
})
