import { expect, test } from 'vitest'
import type { Consent } from '../../src/core/consent.ts'
import { isAllowed, readConsent } from '../../src/privacy/consent.ts'

const managed = (more: object) => ({ consentManagement: more })
const oneTrust = (denied: string[], more: object = {}) =>
  managed({ provider: 'oneTrust', deniedConsentIds: denied, ...more })
const segment = (categoryPreferences: unknown) => ({ consent: { categoryPreferences } })
const ads: Consent = { categories: ['C0002', 'C0004'] }
const purposes = ['analytics', 'ads']

const rows: [sentence: string, context: unknown, consent: Consent, allowed: boolean][] = [
  // RudderStack's object
  ['no consent in the event is consent', {}, ads, true],
  ['no context at all is consent', undefined, ads, true],
  ['an empty list of denials denies nothing', oneTrust([]), ads, true],
  ['and: one denied category is enough', oneTrust(['C0004'], { resolutionStrategy: 'and' }), ads, false],
  ['or: one denied category is not enough', oneTrust(['C0004'], { resolutionStrategy: 'or' }), ads, true],
  ['or: all denied categories are', oneTrust(['C0004', 'C0002'], { resolutionStrategy: 'or' }), ads, false],
  ['a denial of another category does not matter', oneTrust(['C0003']), ads, true],
  ['no strategy is "and"', oneTrust(['C0004']), ads, false],
  ['a strategy that is no strategy is "and"', oneTrust(['C0004'], { resolutionStrategy: 'any' }), ads, false],
  ['ids are compared to the letter', oneTrust(['c0004']), ads, true],
  ['blanks around an id do not count', oneTrust([' C0004 ']), ads, false],
  // strategies of the rule
  ["the rule's strategy wins", oneTrust(['C0004'], { resolutionStrategy: 'and' }), { ...ads, strategy: 'or' }, true],
  [
    "custom: the rule's strategy counts",
    managed({ provider: 'custom', deniedConsentIds: ['C0004'], resolutionStrategy: 'and' }),
    { ...ads, provider: 'custom', strategy: 'or' },
    true,
  ],
  [
    "custom: the event's strategy does not count",
    managed({ provider: 'custom', deniedConsentIds: ['C0004'], resolutionStrategy: 'or' }),
    { ...ads, provider: 'custom' },
    false,
  ],
  // providers
  ['a rule for another provider does not apply', oneTrust(['C0004']), { ...ads, provider: 'ketch' }, true],
  ['a rule for its provider applies', oneTrust(['C0004']), { ...ads, provider: 'oneTrust' }, false],
  ['iubenda: "and"', managed({ provider: 'iubenda', deniedConsentIds: ['4'] }), { categories: ['4', '5'] }, false],
  [
    'one of several rules refuses',
    oneTrust(['C0004']),
    [
      { categories: ['x'], provider: 'ketch' },
      { ...ads, provider: 'oneTrust' },
    ],
    false,
  ],
  ['an empty list of rules allows', oneTrust(['C0004']), [], true],
  // older SDKs
  [
    'OneTrust of old: any denied category',
    managed({ deniedConsentIds: ['C0004'] }),
    { ...ads, provider: 'oneTrust' },
    false,
  ],
  [
    'Ketch of old: one denied purpose is not enough',
    managed({ deniedConsentIds: ['ads'] }),
    { categories: purposes, provider: 'ketch' },
    true,
  ],
  [
    'Ketch of old: all denied purposes',
    managed({ deniedConsentIds: purposes }),
    { categories: purposes, provider: 'ketch' },
    false,
  ],
  [
    'Ketch, named by the event: one denied purpose is not enough',
    managed({ provider: 'ketch', deniedConsentIds: ['ads'] }),
    { categories: purposes },
    true,
  ],
  [
    'a custom rule does not apply to an event without a provider',
    managed({ deniedConsentIds: ['C0004'] }),
    { ...ads, provider: 'custom' },
    true,
  ],
  // Segment's object
  ['Segment: false denies', segment({ Advertising: false }), { categories: ['Advertising'] }, false],
  ['Segment: true allows', segment({ Advertising: true }), { categories: ['Advertising'] }, true],
  ['Segment: one of two is missing', segment({ Advertising: true }), { categories: ['Advertising', 'Ads'] }, true],
  [
    'Segment: one of two is false',
    segment({ Analytics: true, Advertising: false }),
    { categories: ['Analytics', 'Advertising'] },
    false,
  ],
  [
    'Segment, "or": one of two is true',
    segment({ Analytics: true, Advertising: false }),
    { categories: ['Analytics', 'Advertising'], strategy: 'or' },
    true,
  ],
  [
    'Segment names no provider: a rule for OneTrust applies',
    segment({ C0002: false }),
    { ...ads, provider: 'oneTrust' },
    false,
  ],
  ['Segment: a member of every object says nothing', segment({}), { categories: ['constructor'] }, true],
  // both
  [
    'both must allow: Segment denies',
    { ...oneTrust([], { allowedConsentIds: ['C0002', 'C0004'] }), ...segment({ C0002: false }) },
    ads,
    false,
  ],
  ['both must allow: RudderStack denies', { ...oneTrust(['C0002']), ...segment({ C0002: true }) }, ads, false],
  ['both allow', { ...oneTrust([]), ...segment({ C0002: true }) }, ads, true],
  // required
  ['required: silence is none', {}, { ...ads, required: true }, false],
  ['required: silence of both objects is none', { consentManagement: {} }, { ...ads, required: true }, false],
  [
    'required: all are allowed',
    oneTrust([], { allowedConsentIds: ['C0002', 'C0004'] }),
    { ...ads, required: true },
    true,
  ],
  ['required: one is not named', oneTrust([], { allowedConsentIds: ['C0002'] }), { ...ads, required: true }, false],
  [
    'required, "or": one is allowed',
    oneTrust([], { allowedConsentIds: ['C0002'], resolutionStrategy: 'or' }),
    { ...ads, required: true },
    true,
  ],
  [
    'required, "or": what one object allows and the other denies does not count',
    { ...oneTrust([], { allowedConsentIds: ['C0002'], resolutionStrategy: 'or' }), ...segment({ C0002: false }) },
    { ...ads, required: true },
    false,
  ],
  ['required: older SDKs only tell what is denied', oneTrust(['C0003']), { ...ads, required: true }, true],
  ['required: a denial is one', oneTrust(['C0002']), { ...ads, required: true }, false],
  [
    'required: names of OneTrust',
    oneTrust([], { allowedConsentIds: { C0002: 'Analytics', C0004: 'Advertising' } }),
    { ...ads, required: true },
    true,
  ],
  ['required by provider: silence is none', {}, { ...ads, provider: 'oneTrust', required: true }, false],
  [
    'required by provider: another one does not matter',
    managed({ provider: 'ketch', deniedConsentIds: [] }),
    { ...ads, provider: 'oneTrust', required: true },
    true,
  ],
  ['required, Segment: true is enough', segment({ Ads: true }), { categories: ['Ads'], required: true }, true],
  ['required, Segment: "yes" is not', segment({ Ads: 'yes' }), { categories: ['Ads'], required: true }, false],
  // nonsense
  ['consent that is text says nothing', { consentManagement: 'all', consent: 'all' }, ads, true],
  ['a list that is none says nothing', managed({ deniedConsentIds: 'C0004' }), ads, true],
  ['a list with nonsense', oneTrust(['C0004', null, 7, {}] as string[]), ads, false],
]

test.each(rows)(
  'what an event says about consent is read as its SDK means it: %s',
  (_sentence, context, consent, allowed) => {
    expect(isAllowed(readConsent({ context: context as Record<string, unknown> }.context), consent)).toBe(allowed)
  },
)
