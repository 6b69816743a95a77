import { checkSettings, type Fields, type Input } from '../../configure/settings.ts'
import type { KafkaFront } from '../../core/kafka.ts'
import { FrontCaller } from './front-call.ts'
import { accessHeaders, accessProblems, type FrontAccess } from './settings.ts'
import type { TopicMemory } from './topic-sizes.ts'
import { V2Connection } from './v2-connection.ts'
import type { V2Profile } from './v2-profile.ts'

/**
 * Makes a front of Confluent's REST v2 of its profile.
 *
 * @param fields the settings: those that every front has, and its own
 * @param profileOf the profile, as the settings want it
 * @returns a function from settings to a front; what is wrong with them is in its `problems`
 */
export const defineV2Front =
  <const F extends Fields>(fields: F, profileOf: (settings: Readonly<Record<string, unknown>>) => V2Profile) =>
  (input: Input<F>): KafkaFront => {
    const { settings, problems, redacted } = checkSettings(fields, input)
    const access = settings as unknown as FrontAccess & { readonly partitions?: number }
    const profile = profileOf(settings)
    const memory: TopicMemory = new Map()
    return {
      kind: 'kafka-front',
      name: profile.name,
      problems: [...problems, ...accessProblems(access)],
      redacted,
      capabilities: profile.capabilities,
      connect: (port, client) =>
        new V2Connection({
          profile,
          caller: new FrontCaller(access.url, accessHeaders(access), port),
          client,
          memory,
          port,
          ...(access.partitions === undefined ? {} : { partitions: access.partitions }),
        }),
    }
  }
