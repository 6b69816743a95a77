import { defineDestination } from 'sluiceway/destination'

/**
 * Prints events, one line each, for development: with `npm start` and `wrangler dev` to the terminal, of a deployment to its
 * logs. Events hold personal data, so it is not meant for a deployment.
 *
 * https://developers.cloudflare.com/workers/observability/logs/workers-logs/ (checked 2026-11-29): a log line of more than
 * 256 KB is cut by the platform.
 *
 * @param input optionally `pretty` and `label`
 * @returns the destination, for `destinations` in the config
 * @example console({ pretty: true })
 */
export const console = defineDestination({
  name: 'console',
  settings: {
    pretty: { type: 'boolean', about: 'Prints JSON on several lines, to be read by people.', default: false },
    label: { type: 'string', about: 'What stands before each event.', default: 'event' },
  },
  limits: { events: 100, parallel: 1 },
  encode: ({ id, text }) => ({ id, text }),
  send: (items, { pretty, label }) => {
    for (const { text } of items)
      globalThis.console.log(`${label} ${pretty ? JSON.stringify(JSON.parse(text), undefined, 2) : text}`)
    return Promise.resolve({ status: 200, body: '', verdicts: items.map(() => ({ kind: 'done' as const })) })
  },
})
