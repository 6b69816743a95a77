import { createHash } from 'node:crypto'

/** The ways a secret may look, each made for a name so that no two are the same. */
const looks = {
  /** Long enough for a token, and one that webhooks are signed with. */
  token: (name: string) => `whsec_${createHash('sha256').update(name).digest('base64')}`,
  url: (name: string) => `https://${hostOf(name)}.example.com/`,
  database: (name: string) => `postgres://user:password@${hostOf(name)}.example.com:5432/events`,
  number: () => '1',
  object: () => '{}',
  list: () => '[]',
}

const hostOf = (name: string): string => `s-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-s`

/**
 * Makes what may stand for a secret whose value is not known here: a config may look at what is in it.
 *
 * @param name of the secret
 * @returns values of different looks; the one that the name speaks of comes first
 */
export function placeholdersFor(name: string): string[] {
  const first = /(URL|URI|DSN|ENDPOINT|SINK)$/i.test(name)
    ? /POSTGRES|PG|DATABASE|DB|SQL/i.test(name)
      ? 'database'
      : 'url'
    : 'token'
  return [looks[first], ...Object.values(looks).filter((look) => look !== looks[first])].map((look) => look(name))
}

/** How a config was found with certain values. */
export interface Verdict {
  /** What is wrong, or undefined. */
  readonly message: string | undefined
}

/**
 * Chooses among what may stand for each secret, so that what is wrong with the config is not about what stands for them.
 *
 * @param candidates values for each name, the likely one first
 * @param judge evaluates the config with a value for each
 * @returns the best verdict that was found
 */
export async function judgeWithPlaceholders<V extends Verdict>(
  candidates: ReadonlyMap<string, readonly string[]>,
  judge: (values: Readonly<Record<string, string>>) => Promise<V>,
): Promise<V> {
  const values = Object.fromEntries(Array.from(candidates, ([name, [first = '']]) => [name, first]))
  let best = await judge(values)
  for (let round = 0; round < 2 && best.message !== undefined; round++)
    for (const [name, others] of candidates)
      for (const value of others) {
        if (value === values[name]) continue
        const verdict = await judge({ ...values, [name]: value })
        if (weightOf(verdict) >= weightOf(best)) continue
        best = verdict
        values[name] = value
      }
  return best
}

/** A config that cannot be evaluated at all may have any number of problems. */
const weightOf = ({ message }: Verdict): number =>
  message === undefined ? 0 : message.split('\n').filter((line) => line.startsWith('- ')).length || 1_000
