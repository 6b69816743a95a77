import { secretName } from '../core/secret-name.ts'

/** UTF-16 code units: what is shorter, such as `true`, stands in too many texts by chance. */
const shortest = 8

/**
 * Finds the parameters of a URL that are credentials by their name: a receiver may repeat them in its answer.
 *
 * @param url of a setting
 * @returns their values, as they stand there and decoded; none where a part of an event is in them
 */
export function credentialsInUrl(url: unknown): string[] {
  if (typeof url !== 'string') return []
  return [...url.matchAll(/[?&#]([^=&#]*)=([^&#]*)/g)].flatMap(([, name = '', value = '']) =>
    secretName.test(name) ? constants(value, decoded(value)) : [],
  )
}

/**
 * Finds the headers that are credentials by their name.
 *
 * @param headers of a setting, by their name
 * @returns their values, with and without a scheme such as `Bearer`; none where a part of an event is in them
 */
export const credentialsInHeaders = (headers: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(headers).flatMap(([name, value]) =>
    secretName.test(name) && typeof value === 'string' ? constants(value, value.replace(/^\w+ +/, '')) : [],
  )

const constants = (...texts: string[]): string[] =>
  texts.filter((text) => text.length >= shortest && !text.includes('${'))

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
