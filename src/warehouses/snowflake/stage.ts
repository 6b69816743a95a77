import type { Input, Settings } from '../../configure/settings.ts'
import type { Load } from '../../core/warehouse.ts'
import { BucketGathering, type GatheredTable, type GatheringWork } from '../bucket-gathering.ts'
import { quoteIdentifier } from '../identifier.ts'
import { positionOf } from '../mapping/fold-more.ts'
import { openStaging, stagingFields } from '../staging-bucket.ts'
import type { Staging } from '../staging.ts'

const part = String.raw`(?:[A-Za-z_][A-Za-z0-9_$]{0,254}|"[^"]{1,255}")`

/** The settings of `staging`. */
export const stageFields = {
  ...stagingFields('sluiceway-snowflake'),
  stage: {
    type: 'string',
    about: 'The external stage by which Snowflake reads the prefix: DATABASE.SCHEMA.STAGE.',
    check: (name: string) =>
      new RegExp(String.raw`^${part}\.${part}\.${part}$`).test(name)
        ? undefined
        : 'must be DATABASE.SCHEMA.STAGE, with names as in SQL',
  },
} as const

/** What `staging` of `snowflake()` is given. */
export type StageInput = Input<typeof stageFields>

/** An external stage and its bucket, checked. */
export type StageSettings = Settings<typeof stageFields>

/** Rows that Snowflake reads by an external stage. */
export class Stage {
  readonly #staging: Staging
  readonly #name: string

  constructor(settings: StageSettings, schema: string) {
    const root = `s3://${settings.bucket}`
    this.#staging = openStaging(
      settings,
      { root, schema },
      { engine: 'Snowflake', page: 'docs/warehouse-snowflake.md' },
    )
    this.#name = (settings.stage.match(new RegExp(part, 'g')) ?? [])
      .map((name) => quoteIdentifier(name.startsWith('"') ? name.slice(1, -1) : name.toUpperCase()))
      .join('.')
  }

  /**
   * Does something while the rows of a load are in an object.
   *
   * @param load whose rows they are
   * @param bytes of the object
   * @param work gets the object as SQL names it: the stage, and behind it the name below the prefix, which has no quotes
   */
  async during(load: Load, bytes: Uint8Array<ArrayBuffer>, work: (object: string) => Promise<unknown>): Promise<void> {
    const { object, key } = await this.#staging.nameOf(load)
    await this.#staging.during([{ object, bytes }], () => work(`@${this.#name}/${key}.json.gz`))
  }

  /** Begins to gather loads in the bucket. */
  gather(id: string, work: GatheringWork): BucketGathering {
    return new BucketGathering(id, this.#staging, work)
  }

  /**
   * Names all objects of a table that was gathered, by the path with which their names begin. It has no special characters, so that
   * it needs no quotes. https://docs.snowflake.com/en/sql-reference/sql/list (stored copy, read 2026-11-30)
   */
  objectsOf({ path }: GatheredTable): string {
    return `@${this.#name}/${path}/`
  }
}

/**
 * Whether each row of a load is inserted or updated, also by a repeat, so that their number tells whether all were read: Snowflake
 * reads an object that is not there as no rows.
 */
export const isCounted = ({ merge, columns }: Load): boolean =>
  merge !== 'append' && columns.length > 1 && positionOf(columns, 'id') >= 0
