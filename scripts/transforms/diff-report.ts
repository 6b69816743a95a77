import type { DiffKind, DiffTally, EventName, FieldTally } from './diff-tally.ts'

/** What the report says beside the tally. */
export interface DiffSubject {
  readonly name: string
  /** RFC 3339. */
  readonly from: string
  readonly to: string
  readonly source?: string | undefined
}

const valueLength = 100

const meanings: Readonly<Record<DiffKind, string>> = {
  unchanged: 'the same comes out, or nothing in both',
  changed: 'fields are not the same',
  dropped: 'the working copy drops it',
  multiplied: 'another number of events comes out',
  restored: 'the deployed version drops it or fails at it, the working copy does not',
  failed: 'the working copy throws',
}

/**
 * Writes what a working copy would have done to kept events, for a pull request.
 *
 * @param tally what became of them
 * @param subject which transform and events
 * @returns Markdown
 */
export function diffReport(tally: DiffTally, subject: DiffSubject): string {
  const { counts, compared } = tally
  const { name, from, to, source } = subject
  const different = compared - counts.unchanged
  const whose = source === undefined ? '' : ` of the source ${code(source)}`
  const kinds = (Object.keys(meanings) as DiffKind[]).map((kind) => [kind, count(counts[kind]), meanings[kind]])
  const parts = [
    `## Transform ${code(name)}: working copy and deployed version`,
    compared === 0
      ? `No kept event${whose} between ${from} and ${to} goes through it.`
      : `${count(different)} of ${count(compared)} events${whose} that were kept between ${from} and ${to} come out differently.`,
    table(['', 'events', 'what that is'], kinds),
    ...fieldParts(tally),
    ...causeParts(tally),
    ...listed(tally.samples.dropped, 'Dropped'),
    ...listed(tally.samples.multiplied, 'Multiplied'),
    ...listed(tally.samples.restored, 'Restored'),
    ['### How it was compared', '', ...notesOf(tally).map((note) => `- ${note}`)].join('\n'),
  ]
  return parts.join('\n\n')
}

function fieldParts({ fields, moreFields }: DiffTally): string[] {
  if (fields.length === 0) return []
  const sorted = fields.toSorted((a, b) => b.events - a.events)
  const rows = sorted.flatMap(({ path, samples }) =>
    samples.map((one) => [code(path), nameOf(one), valueOf(one, 'deployed'), valueOf(one, 'copy')]),
  )
  return [
    '### Changed fields',
    table(
      ['field', 'events', 'values'],
      sorted.map((one) => [code(one.path), count(one.events), howOf(one)]),
    ),
    ...(moreFields === 0 ? [] : [`${count(moreFields)} values are in further fields.`]),
    ...(rows.length === 0 ? [] : [table(['field', 'event', 'deployed', 'working copy'], rows)]),
  ]
}

const howOf = ({ added, removed, changed }: FieldTally): string =>
  Object.entries({ added, removed, changed })
    .flatMap(([how, values]) => (values === 0 ? [] : `${count(values)} ${how}`))
    .join(', ')

function causeParts({ causes, moreCauses }: DiffTally): string[] {
  if (causes.length === 0) return []
  const sorted = causes.toSorted((a, b) => b.events - a.events)
  return [
    '### Failed',
    table(
      ['cause', 'events', 'of these in the deployed version, too', 'such as'],
      sorted.map(({ message, events, deployed, samples }) => [
        code(message),
        count(events),
        count(deployed),
        samples.map(nameOf).join('<br>'),
      ]),
    ),
    ...sorted.slice(0, 5).map(({ stack }) => block(stack)),
    ...(moreCauses === 0 ? [] : [`${count(moreCauses)} events failed for other reasons.`]),
  ]
}

function listed(events: readonly (EventName & { deployed: number; copy: number })[], title: string): string[] {
  if (events.length === 0) return []
  const rows = events.map((one) => [
    nameOf(one),
    code(one.source),
    one.receivedAt,
    count(one.deployed),
    count(one.copy),
  ])
  return [`### ${title}`, table(['event', 'source', 'received', 'deployed', 'working copy'], rows)]
}

/** What a reader must know to believe it. */
function notesOf({ places, letters }: DiffTally): string[] {
  const names = (isWanted: (kind: string) => boolean) =>
    places
      .filter(({ kind }) => isWanted(kind))
      .map(({ name }) => code(name))
      .join(', ')
  const [sources, targets] = [names((kind) => kind === 'source'), names((kind) => kind !== 'source')]
  return [
    ...(sources === ''
      ? []
      : [
          `Of ${sources}, the log has events as the deployed transforms of the source left them. Both versions got these, and ran on what the deployed version had made already. What it dropped is kept nowhere, so it is not among them.`,
          letters === 0
            ? `Of ${sources}, no dead letter of transforms is kept.`
            : `Dead letters of ${sources} among these events: ${count(letters)}. Both versions got them as they were sent, after the transforms that stand before it.`,
        ]),
    ...(targets === ''
      ? []
      : [
          `For ${targets}, both versions got the events as the log has them. Privacy rules, the filter and transforms that stand before it did not run.`,
        ]),
    ...(places.length > 0
      ? []
      : [
          'The deployment has no transform of this name: what the working copy makes is compared with the events as the log has them.',
        ]),
    'The working copy ran in an isolate without a network. Nothing was stored, and nothing was delivered.',
  ]
}

const count = (value: number): string => value.toLocaleString('en-US')

const nameOf = ({ event, messageId }: EventName): string => `${code(event)} ${code(messageId)}`

const valueOf = (sample: object, whose: 'deployed' | 'copy'): string => {
  if (!Object.hasOwn(sample, whose)) return '–'
  const text = JSON.stringify((sample as Record<string, unknown>)[whose])
  return code(text.length > valueLength ? `${text.slice(0, valueLength)}…` : text)
}

/** Text as it is, whatever Markdown or HTML is in it; also in a table. */
function code(text: string): string {
  const flat = text.replaceAll(/\s+/g, ' ').trim()
  if (flat === '') return ''
  const fence = '`'.repeat(longestRun(flat) + 1)
  const space = fence.length > 1 ? ' ' : ''
  return `${fence}${space}${flat.replaceAll('|', String.raw`\|`)}${space}${fence}`
}

function block(text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1))
  return `${fence}text\n${text}\n${fence}`
}

const longestRun = (text: string): number => Math.max(0, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length))

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
