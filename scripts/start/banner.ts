import type { Served } from './served.ts'

interface Ready extends Served {
  readonly url: string
  /** What env has as WRITE_KEY. */
  readonly writeKey: string
  readonly adminToken: string
}

/**
 * Says what is served and what to do next, for a person: only keys that are taken and addresses that answer.
 *
 * The key of a source that takes webhooks is shown only when it is the one that the start made or was given as WRITE_KEY: where
 * the vendor does not sign, it is a secret.
 *
 * @param ready where it is served, and what
 * @param options `state`, the folder
 * @returns some lines of text
 */
export function banner(ready: Ready, { state }: { readonly state: string }): string {
  const url = ready.url.replace('//127.0.0.1:', '//localhost:')
  const lines = [
    ...demoLines(ready, url),
    ...sourceLines(ready, url),
    ...kafkaLines(ready, url),
    ...adminLines(ready, url),
    ['State', state],
  ]
  return `
  Sluiceway is ready.

${lines.map(([name = '', value = '']) => `  ${name.padEnd(12)} ${value}`).join('\n')}

${trial(ready, url)}
  Ctrl-C stops it; nothing that was accepted is lost.

`
}

type Line = readonly [name: string, value: string]

const demoLines = ({ demo }: Ready, url: string): Line[] => [
  ['Demo', demo ? `${url}/demo` : 'off; "demo: env.DEMO === \'1\'" in the config opens it'],
]

function sourceLines({ sources, ingest, writeKey: known }: Ready, url: string): Line[] {
  const several = sources.length > 1
  const labelOf = (name: string) => (several ? `, source ${name}` : '')
  const events = sources.filter(({ webhook }) => webhook === undefined)
  return [
    ...(events.length === 0 ? [] : [['Events', `${url}${ingest}/v1/track`] as const]),
    ...events.map(({ name, writeKey, enabled }): Line => [
      'Write key',
      `${writeKey}${labelOf(name)}${enabled ? '' : ' (disabled in the config)'}`,
    ]),
    ...sources.flatMap(({ name, writeKey, enabled, webhook }): Line[] => {
      if (webhook === undefined) return []
      const key = writeKey === known ? encodeURIComponent(writeKey) : '<its write key>'
      const off = enabled ? '' : ' (disabled in the config)'
      return [['Webhooks', `${url}${ingest}/v1/webhook?writeKey=${key}, of ${webhook}${labelOf(name)}${off}`]]
    }),
  ]
}

const kafkaLines = ({ kafkaUsers }: Ready, url: string): Line[] =>
  kafkaUsers.length === 0 ? [] : [['Kafka', `${url}/kafka, for ${kafkaUsers.join(', ')}`]]

function adminLines({ admin, adminToken }: Ready, url: string): Line[] {
  if (admin === 'none') return [['Admin API', 'off; "admin: { token: env.ADMIN_TOKEN }" in the config opens it']]
  return [
    ['Admin API', `${url}/admin`],
    ['Admin token', admin === 'token' ? adminToken : 'the one that the config takes as admin.token'],
  ]
}

function trial({ first, ingest }: Ready, url: string): string {
  if (first === undefined)
    return `  No source takes events of SDKs. One with a write key and without "webhook" under "sources" does.
`
  return `  Try it:
  curl -u ${quoteForShell(`${first.writeKey}:`)} -H 'content-type: application/json' ${url}${ingest}/v1/track \\
    -d '{"userId":"ada","event":"Order Completed","properties":{"total":42}}'
`
}

const quoteForShell = (text: string): string =>
  /^[\w.:@%+=,/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
