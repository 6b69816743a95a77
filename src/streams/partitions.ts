import type { Field } from '../configure/settings.ts'

/** The most partitions of a stream: at start, in each sweep and for health, every one of them is asked. */
export const mostPartitions = 64

/**
 * Declares the setting `partitions` of a driver.
 *
 * @param about what a partition is there
 */
export const partitionsField = (about: string) =>
  ({
    type: 'number',
    about,
    default: 1,
    min: 1,
    max: mostPartitions,
    whole: true,
    why: 'each minute, the sweep wakes every one of them, and every lane of every target',
  }) as const satisfies Field
