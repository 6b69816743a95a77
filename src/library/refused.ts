/** Why a destination of the library is refused, by its slug. */
const refused: Readonly<Record<string, string>> = {
  ...of(
    'it hands events to Segment’s own pipeline and sends no request; send them with sluiceway/destinations/segment',
    ['actions-segment', 'actions-segment-profiles'],
  ),
  ...of('it sends nothing, and exists for tests of Segment’s own', ['actions-noop']),
  ...of('it is a part of Segment’s own product, and needs what only Segment has', [
    'actions-personas-messaging-sendgrid',
    'actions-personas-messaging-twilio',
    'actions-google-sheets-dev',
    'actions-memora-internal',
  ]),
  ...of('it needs the SDK of AWS, which does not run in a Worker, and a role in Segment’s own account', [
    'actions-s3',
    'actions-s3-csv',
    'actions-aws-kinesis',
    'actions-amazon-eventbridge',
    'actions-acoustic',
    'actions-the-trade-desk-crm',
  ]),
  ...of('it uploads files with ssh, which does not run in a Worker', ['actions-sftp', 'actions-liveramp-audiences']),
  ...of('it speaks to brokers over TCP, past what a destination may use; take sluiceway/destinations/kafka', [
    'actions-kafka',
  ]),
  ...of('a part of its requests goes past what a destination may use, after waits of a second', ['actions-responsys']),
  ...of('it fills audiences that Segment makes (Engage); events of sources belong to none', [
    'actions-amazon-amc',
    'actions-amplitude-cohorts',
    'actions-bing-ads-audiences',
    'actions-braze-cohorts',
    'actions-criteo-audiences',
    'actions-delivrai-audiences',
    'actions-display-video-360',
    'actions-dotdigital-audiences',
    'actions-dynamic-yield-audiences',
    'actions-eagleeye',
    'actions-facebook-custom-audiences',
    'actions-first-party-dv360',
    'actions-google-data-manager',
    'actions-insider-audiences',
    'actions-iterable-audiences',
    'actions-iterable-lists',
    'actions-kevel-audience',
    'actions-launchdarkly-audiences',
    'actions-linkedin-audiences',
    'actions-marketo-static-lists',
    'actions-ms-bing-ads-audiences',
    'actions-optimizely-advanced-audience-targeting',
    'actions-ortto-audiences',
    'actions-pendo-audiences',
    'actions-reddit-audiences',
    'actions-rokt-audiences',
    'actions-sendgrid-audiences',
    'actions-snap-audiences',
    'actions-stackadapt-audiences',
    'actions-taboola-actions',
    'actions-tiktok-audiences',
    'actions-vibe-audience',
    'actions-webhook-audiences',
    'actions-yahoo-audiences',
    'actions-youappi-audience',
  ]),
}

function of(reason: string, slugs: readonly string[]): Record<string, string> {
  return Object.fromEntries(slugs.map((slug) => [slug, reason]))
}

/** Variables that code of the library reads from `process.env`, and without which it sends a request that must fail. */
const needed: Readonly<Record<string, readonly string[]>> = {
  'actions-facebook-conversions-api': ['ACTIONS_FB_CAPI_SYSTEM_USER_TOKEN'],
  'actions-google-enhanced-conversions': ['ADWORDS_DEVELOPER_TOKEN'],
}

interface Named {
  readonly name: string
  readonly slug?: string
}

/**
 * Says why a destination of the library cannot work here.
 *
 * @param definition its name and slug
 * @returns the reason, or undefined
 */
export const refusalOf = ({ name, slug }: Named): string | undefined => refused[slug ?? name]

/** The variables without which a destination of the library cannot work. */
export const variablesOf = ({ name, slug }: Named): readonly string[] => needed[slug ?? name] ?? []
