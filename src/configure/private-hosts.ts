import type { Field, Fields } from './settings.ts'

const allowPrivate: Field = {
  type: 'boolean',
  about: 'Allows http and hosts that are not public, for tests on one machine.',
  optional: true,
}

/** Settings with an address of which none names the option that allows hosts of this machine. */
type IsStrict<F extends Fields> =
  Extract<F[keyof F], { readonly type: 'url' }> extends infer Url
    ? [Url] extends [never]
      ? false
      : [Extract<Url, { readonly insecureWhen: string }>] extends [never]
        ? true
        : false
    : never

/** `allowPrivate`, for settings that have an address and no such option of their own. */
export type AllowPrivate<F extends Fields> =
  IsStrict<F> extends true ? { readonly allowPrivate?: boolean | undefined } : unknown

/**
 * Adds the setting `allowPrivate` where there is an address of the type `url` and no setting decides about private hosts yet:
 * whoever tries a destination of their own tries it on one machine.
 *
 * @param fields as they are declared
 * @returns them, or a copy in which `insecureWhen` of every address is `allowPrivate`
 */
export function addAllowPrivate<F extends Fields>(fields: F): Fields {
  const urls = Object.values(fields).filter(({ type }) => type === 'url')
  const { allowPrivate: own = allowPrivate } = fields as Fields
  if (urls.length === 0 || urls.some(({ insecureWhen }) => insecureWhen !== undefined) || own.type !== 'boolean')
    return fields
  const opened = Object.entries(fields).map(([name, field]): [string, Field] => [
    name,
    field.type === 'url' ? { ...field, insecureWhen: 'allowPrivate' } : field,
  ])
  return { ...Object.fromEntries(opened), allowPrivate: own }
}
