import { expect, test } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import { checkConfigShape } from '../../src/configure/config-shape.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { log } from '../../src/streams/log.ts'

const problemsOf = (more: object) =>
  checkConfigShape({ stream: log(), sources: { site: { writeKey: 'key' } }, ...more }).problems
const source = (more: object) => problemsOf({ sources: { site: { writeKey: 'key', ...more } } })

test('the check of names finds nothing in a config that is all right', () => {
  expect(
    source({ privacy: { hash: ['userId'] }, enrich: { bots: { action: 'drop', score: 10 }, ip: 'drop' } }),
  ).toEqual([])
})

test.each<[string, readonly string[], string]>([
  ['a privacy rule', source({ privacy: { hashed: ['userId'] } }), 'sources.site.privacy: "hashed" is no setting'],
  ['a cookie', source({ identityCookie: { consents: {} } }), 'sources.site.identityCookie: "consents" is no setting'],
  ['what bots get', source({ enrich: { bots: 'ban' } }), 'sources.site: "enrich.bots" must be one of keep, flag, drop'],
  ['what addresses get', source({ enrich: { ip: 'truncated' } }), 'sources.site: "enrich.ip" must be one of keep'],
  ['an enrichment', source({ enrich: { useragent: true } }), 'sources.site.enrich: "useragent" is no setting'],
  ['a rate', source({ rate: { perSecond: 1 } }), 'sources.site.rate: "perSecond" is no setting'],
  ['a source', source({ transform: [] }), 'sources.site: "transform" is no setting'],
  [
    'consent',
    problemsOf({
      destinations: {
        ads: { use: webhook({ url: 'https://crm.ada.dev/' }), consent: [{ categories: ['a'], require: true }] },
      },
    }),
    'destinations.ads.consent[0]: "require" is no setting; did you mean "required"?',
  ],
  ['a warehouse', problemsOf({ warehouses: { tables: { use: d1(), stage: 1 } } }), 'warehouses.tables: "stage" is no'],
  [
    'a limit',
    problemsOf({ limits: { bodyByte: 1 } }),
    'limits: "bodyByte" is no setting; did you mean "bodyBytes"? There are: bodyBytes, ',
  ],
  ['a path', problemsOf({ paths: { events: '/e' } }), 'paths: "events" is no setting; there are: ingest, sdk'],
])('the check of names tells of a misspelled word in %s', (_, problems, expected) => {
  expect(problems).toEqual([expect.stringContaining(expected)])
})
