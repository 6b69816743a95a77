import { applyPrivacy, defineTransform, eachHolder, parseFieldPath } from 'sluiceway/transform'

const address = /^([^\s@])[^\s@]*(@[^\s@]+)$/u

/**
 * Hashes, masks or removes personal data at dotted paths, as the privacy rules of a source do, and masks all but what a person
 * needs to recognize a value (`a***@example.com`, `***6789`).
 *
 * A path that an event has nothing at is passed over. An array on the way is gone through; an object or array at the end has all
 * its values changed. The order is `drop`, `partly`, `hash`, `mask`. What the address, user agent and place of a request are
 * beside the event is left alone: `privacy` of a source or destination takes them out, too.
 */
export const maskPersonalData = defineTransform({
  name: 'mask-personal-data',
  settings: {
    hash: {
      type: 'list',
      about: 'Replaced by the SHA-256 in hex of the text, trimmed and in lower case; what is one already is left.',
      optional: true,
    },
    salt: { type: 'string', about: 'Put before the text that is hashed.', secret: true, optional: true },
    mask: { type: 'list', about: 'Replaced by ***.', optional: true },
    partly: {
      type: 'list',
      about:
        'Of an e-mail address the first letter and what follows the @ stay, of eight and more characters the last four.',
      optional: true,
    },
    drop: { type: 'list', about: 'Removed.', optional: true },
  },
  problems: ({ hash, mask, partly, drop }) =>
    (hash ?? mask ?? partly ?? drop) === undefined ? ['name fields under "hash", "mask", "partly" or "drop"'] : [],
  make: ({ hash, mask, partly = [], drop, salt }) => {
    const first = drop === undefined ? {} : { drop }
    const last = {
      ...(hash === undefined ? {} : { hash }),
      ...(mask === undefined ? {} : { mask }),
      ...(salt === undefined ? {} : { salt }),
    }
    const paths = partly.map(parseFieldPath)
    return {
      transformEvent: (event) => {
        applyPrivacy(event, first)
        for (const path of paths)
          eachHolder(event, path, (holder, keys) => {
            const members = holder as Record<string, unknown>
            for (const key of keys) members[key] = maskPartly(members[key])
          })
        applyPrivacy(event, last)
        return event
      },
    }
  },
})

function maskPartly(value: unknown): unknown {
  if (value === undefined || value === null || value === '') return value
  if (Array.isArray(value)) return value.map(maskPartly)
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, maskPartly(one)]))
  const text = String(value as string | number | boolean).trim()
  const [, letter, domain] = address.exec(text) ?? []
  if (letter !== undefined && domain !== undefined) return `${letter}***${domain}`
  const characters = Array.from(text)
  return characters.length < 8 ? '***' : `***${characters.slice(-4).join('')}`
}
