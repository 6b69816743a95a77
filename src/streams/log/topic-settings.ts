import { checkSettings, type Input } from '../../configure/settings.ts'
import { isRecord } from '../../core/json.ts'
import type { Topic } from '../../core/topic.ts'
import { eventsTopic } from '../../topics/topic-set.ts'
import type { KafkaUser } from '../../topics/users.ts'

const fields = {
  partitions: {
    type: 'number',
    about: 'Partitions of the topic; growing the number moves keys between partitions.',
    default: 1,
    min: 1,
    max: 100,
    check: (value: number) => (Number.isInteger(value) ? undefined : 'must be a whole number'),
  },
  retentionDays: { type: 'number', about: 'Days that records stay readable.', default: 7, min: 0.05, max: 3_650 },
  retentionMegabytes: {
    type: 'number',
    about: 'Megabytes, compressed, that a partition keeps at most; whole hours are forgotten, oldest first.',
    optional: true,
    min: 1,
    max: 8_000,
  },
} as const

/** What `log` takes for topics beside `events`. */
export interface TopicInput {
  /** Topics that others produce to over HTTP, by their names. */
  readonly topics?: Readonly<Record<string, Input<typeof fields>>>
  /** How a topic is made that is first named by a producer or a consumer; left out: only those in `topics` can be named. */
  readonly newTopics?: Input<typeof fields>
  /** Who may use topics under `/kafka`, by their names; nobody when left out. */
  readonly users?: Readonly<Record<string, KafkaUser>>
}

/** Topics and users, checked. */
export interface CheckedTopics {
  readonly topics: ReadonlyMap<string, Topic>
  readonly newTopics?: Omit<Topic, 'name'>
  readonly users: Readonly<Record<string, KafkaUser>>
  readonly problems: readonly string[]
}

const userSettings = ['password', 'read', 'write', 'groups']

/** Checks what a config says of topics and of who may use them. */
export function checkTopics({ topics = {}, newTopics, users = {} }: TopicInput): CheckedTopics {
  const problems: string[] = []
  const checked = new Map<string, Topic>()
  if (!isRecord(topics)) problems.push('"topics" must be an object: { orders: { partitions: 3 } }')
  else
    for (const [name, input] of Object.entries(topics)) {
      if (name === eventsTopic) problems.push(`"topics.${eventsTopic}" is built in: give the topic another name`)
      if (!/^[\w.-]{1,249}$/.test(name) || name === '.' || name === '..')
        problems.push(`"topics.${name}": a name has up to 249 letters, digits, dots, underscores and dashes`)
      const { topic, problems: wrong } = topicOf(input)
      problems.push(...wrong.map((problem) => `"topics.${name}": ${problem}`))
      checked.set(name, { name, ...topic })
    }
  const made = newTopics === undefined ? undefined : topicOf(newTopics)
  problems.push(...(made?.problems ?? []).map((problem) => `"newTopics": ${problem}`))
  if (!isRecord(users)) problems.push('"users" must be an object: { shop: { password: env.KAFKA_PASSWORD } }')
  else for (const [name, user] of Object.entries(users)) problems.push(...userProblems(name, user))
  return {
    topics: checked,
    ...(made === undefined ? {} : { newTopics: made.topic }),
    users: isRecord(users) ? users : {},
    problems,
  }
}

function topicOf(input: Input<typeof fields>): {
  readonly topic: Omit<Topic, 'name'>
  readonly problems: readonly string[]
} {
  const { settings, problems } = checkSettings(fields, input)
  return {
    topic: {
      partitions: settings.partitions,
      retentionMs: settings.retentionDays * 86_400_000,
      ...(settings.retentionMegabytes === undefined ? {} : { retentionBytes: settings.retentionMegabytes * 1_000_000 }),
    },
    problems,
  }
}

function userProblems(name: string, user: unknown): string[] {
  const at = `"users.${name}"`
  if (name === '' || name.includes(':')) return [`${at}: a name is not empty and has no colon`]
  if (!isRecord(user)) return [`${at} must be an object: { password, read, write }`]
  const problems = Object.keys(user)
    .filter((key) => !userSettings.includes(key))
    .map((key) => `${at}: "${key}" is no setting; there are: ${userSettings.join(', ')}`)
  const { password } = user
  if (typeof password !== 'string' || password === '') problems.push(`${at}: "password" is missing; keep it in env`)
  else if (password.length < 8) problems.push(`${at}: "password" is too short: use at least 8 characters`)
  for (const key of ['read', 'write', 'groups']) {
    const list = user[key]
    if (list !== undefined && !(Array.isArray(list) && list.every((one) => typeof one === 'string' && one !== '')))
      problems.push(`${at}: "${key}" must be a list of names, of which some may end in *`)
  }
  return problems
}
