import type { Facts } from '../../core/envelope.ts'

/**
 * Regions near which Cloudflare places an object.
 *
 * https://developers.cloudflare.com/durable-objects/reference/data-location/ (checked 2026-11-28)
 */
const regionNames = ['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'oc', 'afr', 'me'] as const

/** Names a region near which Cloudflare places an object, e.g. `weur` for western Europe. */
export type LogRegion = (typeof regionNames)[number]

/** Countries by region, ISO 3166-1. Those that are named nowhere belong to the first region of the config. */
const countries: Readonly<Record<Exclude<LogRegion, 'wnam'>, string>> = {
  enam: 'US CA MX GT BZ SV HN NI CR PA BM BS CU JM HT DO PR VI VG AI AG AW BB BQ CW DM GD GP KN KY LC MF MQ MS SX TC TT VC BL PM GL',
  sam: 'AR BO BR CL CO EC FK GF GY PE PY SR UY VE',
  weur: 'AD AT BE CH DE DK ES FI FO FR GB GG GI IE IM IS IT JE LI LU MC MT NL NO PT SE SJ SM VA AX',
  eeur: 'AL AM AZ BA BG BY CZ EE GE GR HR HU KG KZ LT LV MD ME MK PL RO RS RU SI SK TJ TM UA UZ XK CY',
  apac: 'AF BD BN BT CN HK ID IN IO JP KH KP KR LA LK MM MN MO MV MY NP PH PK SG TH TL TW VN',
  oc: 'AS AU CC CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS',
  afr: 'AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW',
  me: 'AE BH IL IQ IR JO KW LB OM PS QA SA SY TR YE',
}

/** First-level regions of the US and of Canada that are nearer to the west coast, by their ISO 3166-2 names. */
const west = new Set(
  'Alaska|Alberta|Arizona|British Columbia|California|Colorado|Hawaii|Idaho|Montana|Nevada|New Mexico|Northwest Territories|Oregon|Saskatchewan|Utah|Washington|Wyoming|Yukon'.split(
    '|',
  ),
)

/** Where the nearest others are, nearest first. */
const neighbors: Readonly<Record<LogRegion, readonly LogRegion[]>> = {
  wnam: ['enam', 'sam', 'apac', 'oc', 'weur', 'eeur', 'me', 'afr'],
  enam: ['wnam', 'sam', 'weur', 'eeur', 'afr', 'me', 'apac', 'oc'],
  sam: ['enam', 'wnam', 'weur', 'eeur', 'afr', 'me', 'oc', 'apac'],
  weur: ['eeur', 'me', 'enam', 'afr', 'wnam', 'apac', 'sam', 'oc'],
  eeur: ['weur', 'me', 'enam', 'afr', 'apac', 'wnam', 'sam', 'oc'],
  apac: ['oc', 'wnam', 'me', 'eeur', 'weur', 'enam', 'afr', 'sam'],
  oc: ['apac', 'wnam', 'enam', 'me', 'sam', 'weur', 'eeur', 'afr'],
  afr: ['weur', 'eeur', 'me', 'enam', 'apac', 'wnam', 'sam', 'oc'],
  me: ['eeur', 'weur', 'apac', 'afr', 'enam', 'oc', 'wnam', 'sam'],
}

const regionOfCountry = new Map(
  Object.entries(countries).flatMap(([region, list]) =>
    list.split(' ').map((country) => [country, region as LogRegion]),
  ),
)

/** Says what is wrong with the regions of a config. */
export function regionProblems(regions: unknown): string[] {
  const known = regionNames.join(', ')
  if (!Array.isArray(regions) || regions.length === 0)
    return [`"regions" must be a list of regions, of which there are ${known}`]
  const problems = regions.flatMap((region: unknown) =>
    regionNames.includes(region as LogRegion)
      ? []
      : [`"regions": ${JSON.stringify(region)} is none; there are ${known}`],
  )
  return new Set(regions).size < regions.length ? [...problems, '"regions" names one twice'] : problems
}

/**
 * Chooses among regions by where a request came from, as its envelope says: the same one for each repeat.
 *
 * @param regions of the config
 * @returns gives the place in the list; the first one where the envelope tells no country
 */
export function regionChooser(regions: readonly LogRegion[]): (facts: Facts | undefined) => number {
  const nearest = (region: LogRegion): number => {
    const found = [region, ...neighbors[region]].find((one) => regions.includes(one))
    return found === undefined ? 0 : regions.indexOf(found)
  }
  const places = new Map(Array.from(regionOfCountry, ([country, region]) => [country, nearest(region)]))
  const western = nearest('wnam')
  return (facts) => {
    const country = facts?.country
    if (country === undefined) return 0
    const isWest = (country === 'US' || country === 'CA') && facts?.region !== undefined && west.has(facts.region)
    return isWest ? western : (places.get(country) ?? 0)
  }
}
