import type { Event } from 'sluiceway/event'

/** What counters and dead letters call this transform. */
export const name = 'drop-bots'

/**
 * What programs call themselves in their user agent. Most of them say bot, crawler or spider; the rest are named: previews of
 * links, fetchers of assistants, monitors, browsers without a screen, scripts. CUBOT is a maker of phones.
 */
const bots = new RegExp(
  [
    String.raw`(?<!\bcu)bot(?![a-z])|bots\b|robot`,
    'crawl|spider|slurp|scrap[ey]|archiver|fetcher',
    'facebookexternalhit|facebookcatalog|meta-external|^whatsapp/|embedly|skypeuripreview|vkshare|bingpreview',
    'mediapartners-google|google-(inspectiontool|read-aloud|extended|site-verification|safety)|googleother|apis-google',
    'chatgpt-user|claude-user|perplexity-user|duckassist|mistralai-user|cohere-ai',
    'headless|phantomjs|puppeteer|playwright|selenium|webdriver|cypress/|jsdom|htmlunit|zombie\\.js',
    'lighthouse|pagespeed|gtmetrix|pingdom|statuscake|site24x7|datadogsynthetics|catchpoint|checkly|newrelicpinger|w3c_validator',
    '^(curl|wget|python|go-http-client|java|ruby|php|perl|libwww|axios|node|undici|postman|insomnia|apache-httpclient)\\b',
  ].join('|'),
  'i',
)

/**
 * Drops events of bots, crawlers and browsers without a screen, by `context.userAgent`.
 *
 * Events without a user agent are kept: servers and apps send none. So is what hides itself, which no list of names finds.
 *
 * @returns the event, or null for one of a bot
 */
export function transformEvent(event: Event): Event | null {
  const { userAgent } = event.context ?? {}
  return typeof userAgent === 'string' && bots.test(userAgent) ? null : event
}
