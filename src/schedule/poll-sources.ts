import type { AppContext } from '../core/app-context.ts'
import { reasonOf } from '../core/errors.ts'

/**
 * Wakes every Kafka source: alarms can be lost, and this makes up for it. Run each minute.
 *
 * @param app config and bindings
 */
export async function pollSources({ resolved, bindings, port }: AppContext): Promise<void> {
  await Promise.all(
    [...resolved.sources.values()].map(async ({ name, kafka, enabled }) => {
      if (kafka === undefined || !enabled) return
      try {
        await bindings.POLLER.getByName(name).poll()
      } catch (error) {
        port.log('error', 'a Kafka source could not be reached', { source: name, reason: reasonOf(error) })
      }
    }),
  )
}
