// Builds and updates elements. Text always goes in as text: event data comes from anybody.

/** @param {string} tag @param {Record<string, string>} [attributes] @param {(Node | string)[]} [children] */
export function element(tag, attributes = {}, children = []) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** Sets text only when it changes, so that a reader's selection survives. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/**
 * Makes a list show `items`: elements of items that stay are kept (open, focused), others come and go.
 * `make` builds an item's element once, `update` is called for each item every time.
 */
export function showList(list, items, { keyOf, make, update }) {
  const first = list.dataset.shown !== 'yes'
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]))
  let place = list.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    let child = old.get(key)
    if (child === undefined) {
      child = make(item)
      child.dataset.key = key
      if (!first) child.classList.add('new')
    }
    old.delete(key)
    update?.(child, item)
    if (child === place) place = place.nextElementSibling
    else list.insertBefore(child, place)
  }
  for (const child of old.values()) child.remove()
  list.dataset.shown = 'yes'
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** @param {number | string} at milliseconds since the epoch, or RFC 3339 */
export function timeOf(at) {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? '' : clock.format(date)
}

/** @param {number} ms */
export const durationOf = (ms) =>
  ms < 1000 ? `${Math.round(ms)} ms` : ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`
