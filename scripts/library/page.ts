import type { Definition } from '../../src/library/definition.ts'
import { variablesOf } from '../../src/library/refused.ts'
import type { Compared, Listed } from './compare.ts'
import type { ComparedDeletion } from './deletions.ts'

/** Why some runs differ, by the destination. */
const exceptions: Readonly<Record<string, string>> = {
  'blend-ai': 'posts all that the engine hands to it, in the order in which the engine has put it together',
}

/**
 * Writes docs/segment-library.md.
 *
 * @param listed all destinations of the library
 * @param compared what came of the comparison with the library's own engine
 * @param deletions what came of deleting users with both
 * @returns Markdown
 */
export function pageOf(
  listed: readonly Listed[],
  compared: readonly Compared[],
  deletions: readonly ComparedDeletion[],
): string {
  const usable = listed.filter(({ refusal }) => refusal === undefined)
  const refused = Map.groupBy(
    listed.filter(({ refusal }) => refusal !== undefined),
    ({ refusal }) => refusal as string,
  )
  const sum = (of: (one: Compared) => number) => compared.reduce((all, one) => all + of(one), 0)
  const [runs, equal] = [sum((one) => one.runs), sum((one) => one.equal)]
  const sending = compared.filter(({ requests }) => requests > 0).length
  const silent = compared.filter(({ requests }) => requests === 0).map(({ name }) => name)
  return `${head}
## What was tested

${usable.length} destinations of ${listed.length} can be used. The same events, one of each name of the event specification, went through this adapter and through the library's own engine, in Node: every preset, and every action with its own trigger and defaults, and, where that sends nothing, with a made value for each field (${sum((one) => one.subscriptions)} in all), with a vendor that answers 200, 400, 429 or 500 (to all events 200, to one of each call and four of the events the others). Settings and tokens were made up, and no vendor was called. In ${equal} of ${runs} runs (${((100 * equal) / runs).toFixed(1)} %) all requests and all outcomes were equal; ${sum((one) => one.requests)} requests were compared, of ${sending} destinations.${silent.length === 0 ? '' : ` These sent none, as they wait for values that nobody made up: ${silent.join(', ')}.`}

What is different on purpose: the header \`user-agent\` says \`Sluiceway\` instead of \`Segment (Actions)\`; a batch that is refused as a whole is sent again one by one; 401 and 403 are a refusal that the lane judges (paused, or dead for one event) instead of the end of the event.

${compared
  .filter(({ differences }) => differences.length > 0)
  .map(
    ({ name, runs: all, differences }) =>
      `- \`${name}\`: ${differences.length} of ${all} runs differ; it ${exceptions[name] ?? 'differs for a reason that nobody has found yet'}.`,
  )
  .join('\n')}

\`npm run library\` does all of this again and writes this page; \`test/library/compared.test.ts\` does it for a few of them, and \`test/e2e/library.test.ts\` runs \`absmartly\`, \`klime\`, \`webhook\`, \`webhook-extensible\` and \`xtremepush\` in workerd; all others ran in Node only. \`test/library/validate-fields.test.ts\` judges random payloads for all actions and settings with this adapter and with the library's own validation.

${deletionsIn(deletions)}
## Destinations

**Import**: \`import … from '@segment/action-destinations/dist/destinations/<name>/index.js'\`. **Presets**: how many mappings it has that are used when you give none; 0 means that you must give \`mappings\`. **Batch**: actions that can send several events in one request. Settings in bold are required. **Equal**: runs, as above, in which both engines did the same.

| name | vendor | presets | actions | batch | settings | equal |
| --- | --- | --- | --- | --- | --- | --- |
${usable
  .map((one) =>
    rowOf(
      one,
      compared.find(({ name }) => name === one.name),
    ),
  )
  .join('\n')}

## Destinations that are refused

The config is told so, with the reason.

${[...refused].map(([reason, some]) => `- ${some.map(({ name }) => `\`${name}\``).join(', ')}: ${reason}.`).join('\n')}
`
}

function deletionsIn(deletions: readonly ComparedDeletion[]): string {
  const working = deletions.filter(({ by }) => by.length > 0)
  const also = working.filter(({ by }) => by.includes('anonymousId'))
  const sum = (of: (one: ComparedDeletion) => number) => deletions.reduce((all, one) => all + of(one), 0)
  return `## Deleting users

\`POST /admin/suppression\` with \`"delete": true\` deletes a user with the destination's own code, where it has any ([how](destinations.md#deleting-users)). By userId: ${namesIn(working)}. By anonymousId as well: ${namesIn(also)}. Nothing is sent for a user whom the code would not name.

${deletions
  .filter(({ by }) => by.length === 0)
  .map(({ name, reason = '' }) => `- \`${name}\` deletes nobody, though it has code for it: "${reason}".`)
  .join('\n')}
- \`klaviyo\` and \`intercom\` hand your userId to their vendor as its own id of the person, which works where the two are the same. Klaviyo takes any id and deletes later: look there. Where Intercom does not know it, the deletion has \`failed\`.

Tested with made-up settings and both engines, by each id, with a vendor that answers 200, 404, 400, 429 or 500: in ${sum(({ equal }) => equal)} of ${sum(({ runs }) => runs)} runs all requests were equal, and so was whether it was done.
`
}

const namesIn = (some: readonly { readonly name: string }[]): string => some.map(({ name }) => `\`${name}\``).join(', ')

function rowOf({ name, definition }: Listed, compared: Compared | undefined): string {
  const { presets = [], actions } = definition
  const automatic = presets.filter(({ type, partnerAction }) => type === 'automatic' && partnerAction in actions)
  const all = Object.entries(actions)
  const batch = all.filter(([, { performBatch }]) => performBatch !== undefined)
  const result =
    compared === undefined
      ? 'not compared'
      : `${compared.equal} of ${compared.runs}${compared.requests === 0 ? ', nothing sent' : ''}`
  const cells = [
    `\`${name}\``,
    definition.name,
    automatic.length,
    all.map(([one]) => `\`${one}\``).join(', '),
    batch.length,
  ]
  return `| ${[...cells, settingsIn(definition), result].join(' | ')} |`
}

function settingsIn(definition: Definition): string {
  const { scheme, fields = {} } = definition.authentication ?? { scheme: '' }
  const settings = Object.entries(fields).map(([name, { required }]) =>
    required === true ? `**\`${name}\`**` : `\`${name}\``,
  )
  const isOauth = scheme === 'oauth2' || scheme === 'oauth-managed'
  const canRenew = definition.authentication?.refreshAccessToken !== undefined
  const tokens = isOauth ? [`**\`tokens\`** (${canRenew ? 'renewed by itself' : 'not renewed'})`] : []
  const variables = variablesOf(definition).map((name) => `**\`variables.${name}\`**`)
  return [...settings, ...tokens, ...variables].join(', ') || '–'
}

const head = `# Destinations of the library

<!-- Written by \`npm run library\`; what stands here by hand is in scripts/library/page.ts. -->

[\`@segment/action-destinations\`](https://github.com/segmentio/action-destinations) (MIT) holds the destinations of Segment, each written by the vendor, by a partner or by Segment. \`segment\` of \`sluiceway/destinations/library\` turns one of them into a destination of yours. To send to a workspace of Segment, take \`segment\` of \`sluiceway/destinations/segment\` instead.

The library is no part of this package. Install it in your own folder; what you do not import is not in your Worker:

\`\`\`sh
npm install --ignore-scripts @segment/action-destinations
\`\`\`

\`\`\`ts src/library.config.ts
import customerio from '@segment/action-destinations/dist/destinations/customerio/index.js'
import klaviyo from '@segment/action-destinations/dist/destinations/klaviyo/index.js'
import { defineConfig } from 'sluiceway/config'
import { segment } from 'sluiceway/destinations/library'
import { log } from 'sluiceway/streams/log'

export default defineConfig((env) => ({
  stream: log(),
  sources: { web: { writeKey: env.WRITE_KEY } },
  destinations: {
    customerio: { use: segment(customerio, { settings: { siteId: env.CIO_SITE, apiKey: env.CIO_KEY } }) },
    klaviyo: {
      use: segment(klaviyo, {
        settings: { api_key: env.KLAVIYO_KEY },
        mappings: {
          upsertProfile: true,
          orders: {
            action: 'orderCompleted',
            when: 'type = "track" and event = "Order Completed"',
            fields: { profile: { email: { '@path': '$.properties.email' } } },
          },
        },
      }),
    },
  },
}))
\`\`\`

The library uses \`process.env\` and modules of Node. A Worker has them with the \`compatibility_date\` of the template; with a much older one, add \`compatibility_flags = ["nodejs_compat"]\` to wrangler.toml.

A Worker with one destination grows by about 120 KB (compressed), and by 3 to 17 KB for each other one; \`klaviyo\` and \`google-enhanced-conversions\` bring 130 KB of their own. The size that Cloudflare allows is 3 MB on the free plan and 10 MB on the paid one. npm says that the library wants another version of Node (\`EBADENGINE\`); that is a warning. Where npm finds no \`@aws-sdk/client-kinesis\` of the exact version that the library names, add \`"overrides": { "@aws-sdk/client-kinesis": "^3.894.0" }\` to your package.json.

## What you can set

- \`settings\`: the destination's own, as in the table below. What is missing, misspelled or of a wrong form is told when the config is read. Every text is masked where settings are shown.
- \`mappings\`: what is sent when. Without it, the presets of the destination are used, as Segment offers them. Each mapping has a name; \`true\` takes the action of this name with its own trigger and fields. \`action\` names another action, \`when\` is a trigger in Segment's [FQL](https://segment.com/docs/api/public-api/fql/), \`fields\` go over the defaults of the action, with Segment's directives (\`@path\`, \`@template\`, \`@if\`, \`@arrayPath\` …), and \`batch\` says whether events share requests.
- \`tokens\`: \`{ accessToken, refreshToken, clientId, clientSecret, refreshTokenUrl }\` of an OAuth app of your own, for destinations with OAuth. After a 401 they are renewed once for all lanes, kept in the Durable Object of the destination's first lane, and the call is made again. Other tokens in the config take the place of what was kept.
- \`variables\`: values that the library's code reads from \`process.env\`, by their names there, e.g. \`{ ACTIONS_FB_CAPI_SYSTEM_USER_TOKEN: env.FB_TOKEN }\`. Two destinations with different values for one name do not go together.
- \`userAgent\`: takes the place of the header of this name.
- \`allowPrivate\`: allows addresses that are not public, for tests on one machine.

## What becomes of an event

Give a destination a \`displayName\` in the config, as Segment calls it there, where events choose by \`integrations\`; without one it has the library's own short name, such as \`hubspot-cloud\`. An event goes to every mapping whose trigger it matches; when there is none, it is skipped. Events of a user keep their order. A mapping that has taken the event is not asked again when another one must be retried, also after a restart. The event is done when all have taken it, and a dead letter when one never will; its reason names the mappings. A dead letter that is replayed goes to those that have not taken it and whose triggers match it now, also where it was edited; its dry-run names them (\`owed\`). Where transforms make several events of it, each goes to all.

| what | outcome |
| --- | --- |
| a field that the action needs is missing, or a mapping cannot be applied | dead |
| 408, 423, 429, 5xx but 501, no answer | retry, after \`Retry-After\` where there is one |
| 401 where tokens can be renewed | renewed, and sent again |
| 401, 403, tokens that are refused, an address that is not public | refused: the lane pauses, or gives up the one event while others are delivered |
| every other status | dead, with the vendor's answer as the reason |
| a batch with a status for each event | each event by its own |
| a batch that is refused as a whole | each event is sent alone |

Some destinations keep a token of the vendor in a variable: do not use \`friendbuy\` for two accounts in one Worker. Some make a new id for each attempt (orders of \`klaviyo\`), so that a retry may be counted twice.
`
