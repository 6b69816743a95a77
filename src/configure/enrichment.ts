import type { Enrichment, EnrichmentConfig } from '../core/enrichment.ts'

/** Decides every switch that a source's `enrich` leaves open. */
export const resolveEnrichment = ({
  geo = true,
  userAgent = false,
  campaign = false,
  rudderId = false,
  bots = 'flag',
  ip = 'keep',
}: EnrichmentConfig = {}): Enrichment => ({
  geo,
  userAgent,
  campaign,
  rudderId,
  bots: { score: 30, dataCenters: false, ...(typeof bots === 'string' ? { action: bots } : bots) },
  ip,
})
