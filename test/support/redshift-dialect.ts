// What of Redshift's SQL PostgreSQL does not have, or takes where Redshift refuses it.

/** What a fresh database needs so that the SQL of the engine runs: a type, a view and functions of Redshift. */
export const redshiftPrelude = [
  'CREATE DOMAIN super AS jsonb',
  // https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMNS.html
  `CREATE VIEW svv_columns AS SELECT table_schema::text, table_name::text, column_name::text, ordinal_position::int,
   coalesce(domain_name, data_type)::text AS data_type, character_maximum_length::int FROM information_schema.columns`,
  // https://docs.aws.amazon.com/redshift/latest/dg/SHA2.html
  `CREATE FUNCTION sha2(text, int) RETURNS text LANGUAGE sql AS $$ SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex') $$`,
]

/** A COPY, as the engine writes it. */
export interface Copy {
  /** Quoted. */
  readonly table: string
  /** `/bucket/key`. */
  readonly path: string
  /** Whether the object lists those that have the rows. */
  readonly isManifest: boolean
}

const copyForm =
  /^COPY ("(?:[^"]|"")+") FROM 's3:\/(\/[^']+)' IAM_ROLE (?:default|'arn:aws:iam::[^']+') REGION '[a-z0-9-]+'( MANIFEST)? FORMAT AS JSON 'auto' GZIP TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF$/

/**
 * Translates a statement for PostgreSQL.
 *
 * Names in quotes are folded to lower case, as Redshift does unless it is told otherwise; what distributes and sorts a table is
 * left out. PostgreSQL counts characters of a varchar where Redshift counts bytes: that is not translated.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_names.html, r_ALTER_TABLE.html, r_COPY.html (checked 2026-11-29)
 *
 * @param sql as the engine sent it
 * @param isAlone whether it is a transaction of its own
 * @returns SQL, or the COPY that it is
 * @throws {Error} what Redshift says to what it does not have
 */
export function translate(sql: string, isAlone: boolean): string | Copy {
  const statement = sql.replaceAll(/"(?:[^"]|"")*"/g, (name) => name.toLowerCase())
  const words = statement.replaceAll(/"(?:[^"]|"")*"/g, 'x')
  if (/^ALTER TABLE .* ALTER COLUMN/.test(words) && !isAlone)
    throw new Error('ALTER TABLE ALTER COLUMN cannot run inside a transaction block')
  if (words.startsWith('ALTER TABLE') && (/,/.test(words) || /IF NOT EXISTS/.test(words)))
    throw new Error('syntax error at or near ","')
  if (statement.startsWith('COPY ')) {
    const [, table, path, manifest] = copyForm.exec(statement) ?? []
    if (table === undefined || path === undefined) throw new Error('syntax error at or near "COPY"')
    return { table, path, isManifest: manifest !== undefined }
  }
  if (/\b(?:numeric|jsonb?|text|timestamptz)\b|::|ON CONFLICT|RETURNING|\bAS kept\b/i.test(words))
    throw new Error(`syntax error: ${words.slice(0, 80)}`)
  return statement.startsWith('CREATE TABLE')
    ? statement.replace(/ DISTSTYLE KEY DISTKEY \("id"\)/, '').replace(/ SORTKEY \("received_at"\)$/, '')
    : // The one of PostgreSQL takes texts alone.
      statement.replaceAll(/json_serialize\(("(?:[^"]|"")*")\)/g, '$1::text')
}
