// The panels: what arrived where, as /demo/state tells it.
import { durationOf, element, setText, showList, timeOf } from './dom.js'

const panel = (id) => {
  const section = document.getElementById(id)
  return { section, list: section.querySelector('.list'), empty: section.querySelector('.empty') }
}

const emptyTexts = new Map()

/** Shows `part` with `show`, or says that it cannot be read. */
function showPart(id, part, show) {
  const { section, empty } = panel(id)
  if (!emptyTexts.has(id)) emptyTexts.set(id, empty.textContent)
  const missing = part === undefined || 'unavailable' in part
  section.classList.toggle('unavailable', missing)
  if (missing) {
    empty.hidden = false
    setText(empty, `Not available just now: ${part?.unavailable ?? 'nothing was said'}`)
    return
  }
  setText(empty, emptyTexts.get(id))
  empty.hidden = show(part) > 0
}

const titleOf = ({ type, name, event }) => {
  if (type === 'identify') return event?.traits?.name ?? event?.context?.traits?.name ?? event?.userId ?? 'Visitor'
  return name ?? 'Unnamed'
}

const whoOf = (event) => event?.userId || 'visitor'

const detailsOf = (summary, event) => {
  const pre = element('pre', { tabindex: '0' }, [JSON.stringify(event, null, 2) ?? ''])
  return element('li', {}, [element('details', {}, [element('summary', {}, summary), pre])])
}

const facts = (...children) => element('span', { class: 'facts' }, children)

const tag = (text, kind = '') => element('span', { class: `tag ${kind}` }, [text])

const showEvents = ({ items }) => {
  showList(panel('events').list, items, {
    keyOf: ({ id }) => id,
    make: (item) =>
      detailsOf(
        [
          element('b', {}, [titleOf(item)]),
          element('time', { datetime: item.receivedAt }, [timeOf(item.receivedAt)]),
          facts(tag(item.type), element('span', { class: 'who' }, [whoOf(item.event)])),
        ],
        item.event,
      ),
  })
  return items.length
}

const signatures = {
  verified: ['✓ verified', 'good'],
  unchecked: ['signed', ''],
  missing: ['not signed', 'bad'],
  wrong: ['✗ wrong signature', 'bad'],
}

const showDeliveries = ({ items }) => {
  showList(panel('deliveries').list, items, {
    keyOf: ({ id, at }) => `${id} ${at}`,
    make: (item) =>
      detailsOf(
        [
          element('b', {}, [titleOf(item)]),
          element('time', { datetime: new Date(item.at).toISOString() }, [timeOf(item.at)]),
          facts(
            tag(...(signatures[item.signature] ?? [String(item.signature), ''])),
            element('span', { class: 'who' }, [item.delayMs === undefined ? '' : `after ${durationOf(item.delayMs)}`]),
          ),
        ],
        item.event,
      ),
  })
  return items.length
}

const stages = { ingest: 'at the edge', transform: 'in a transform', delivery: 'at delivery', load: 'at loading' }

const showLetters = ({ items }) => {
  showList(panel('dead').list, items, {
    keyOf: ({ id }) => id,
    make: (item) => {
      const { type, event, name } = item.event ?? {}
      return detailsOf(
        [
          element('b', {}, [titleOf({ type, name: event ?? name, event: item.event })]),
          element('time', { datetime: new Date(item.at).toISOString() }, [timeOf(item.at)]),
          facts(tag(stages[item.stage] ?? item.stage, 'bad'), element('span', { class: 'reason' }, [item.reason])),
        ],
        item.event,
      )
    },
  })
  return items.length
}

const laneTexts = {
  idle: () => 'All delivered; nothing waits.',
  running: (depth) => `${depth} on the way.`,
  failing: (depth, reason) =>
    `The receiver fails (${reason ?? 'no answer'}). ${depth} wait and are tried again by themselves.`,
  down: (depth, reason) =>
    `The receiver is down (${reason ?? 'no answer'}). ${depth} wait, it is tried again by itself.`,
  paused: (depth, reason) => `Paused: ${reason ?? 'it refuses everything'}. ${depth} wait until somebody looks.`,
}

function showLanes(lanes) {
  const found = lanes.filter((lane) => lane.kind === 'destination' && lane.state !== 'orphaned')
  const depth = found.reduce((sum, lane) => sum + lane.depth, 0)
  const worst = ['paused', 'down', 'failing', 'running'].find((state) => found.some((lane) => lane.state === state))
  const reason = found.find((lane) => lane.state === worst)?.reason
  const text = found.length === 0 ? '' : laneTexts[worst ?? (depth > 0 ? 'running' : 'idle')](depth, reason)
  const line = document.querySelector('#deliveries .lane')
  setText(line, text)
  line.hidden = text === ''
  line.classList.toggle('bad', worst !== undefined && worst !== 'running')
}

const steps = { bot: 'the rule on bots', suppressed: 'the suppression list' }

/** What the edge dropped, refused or kept from a target, by the names of its counters. */
const heldBack = {
  dropped: (by) => `dropped by ${steps[by] ?? `the transform ${by}`}`,
  limited: (source) => `refused above the rate of ${source}`,
  refused: (code) => `refused: ${code}`,
  consent: (target) => `without consent for ${target}`,
  integrations: (target) => `not wanted at ${target}`,
}

function showHeldBack(counters) {
  const told = Object.entries(counters).flatMap(([name, count]) => {
    const [, kind, what] = /^(\w+): ?(.*)$/.exec(name) ?? []
    const say = Object.hasOwn(heldBack, kind ?? '') ? heldBack[kind] : undefined
    return say === undefined ? [] : [`${numbers.format(count)} ${say(what)}`]
  })
  const line = document.querySelector('#events .lane')
  setText(line, told.length === 0 ? '' : `Held back: ${told.join('; ')}.`)
  line.hidden = told.length === 0
}

const numbers = new Intl.NumberFormat('en-GB')

function showNode(name, count, note) {
  const node = document.querySelector(`[data-node="${name}"]`)
  const number = node.querySelector('b')
  const text = count === undefined ? '–' : numbers.format(count)
  if (number.textContent !== text) {
    if (number.textContent !== '–') {
      node.classList.remove('pulse')
      void node.offsetWidth // Starts the animation again.
      node.classList.add('pulse')
    }
    number.textContent = text
  }
  if (note !== undefined) setText(node.querySelector('small'), note)
}

const countOf = (part, value) => (part === undefined || 'unavailable' in part ? undefined : value(part))

function showFlow(state) {
  const edge = state.lanes.find((lane) => lane.kind === 'edge')
  const stored = countOf(state.events, ({ total }) => total)
  const dropped = Object.entries(edge?.counters ?? {})
    .filter(([name]) => name.startsWith('dropped'))
    .reduce((sum, [, count]) => sum + count, 0)
  const received = stored === undefined ? undefined : stored + dropped + (edge?.deadLetters ?? 0)
  showHeldBack(edge?.counters ?? {})
  showNode('edge', received, dropped > 0 ? `received, ${numbers.format(dropped)} dropped` : 'received')
  showNode('stream', stored, 'stored')
  setText(document.querySelector('[data-node="stream"] span'), state.stream === 'log' ? 'Log' : 'Queue')
  showNode(
    'webhook',
    countOf(state.deliveries, ({ total }) => total),
  )
  showNode(
    'dead',
    countOf(state.deadLetters, ({ total }) => total),
  )
  const readable = state.warehouses.filter((warehouse) => warehouse.tables !== undefined && warehouse.driver === 'd1')
  const rows = readable.flatMap(({ tables }) => tables).reduce((sum, { count }) => sum + count, 0)
  showNode('warehouse', readable.length === 0 ? undefined : rows)
}

/** Shows all but the warehouse's panel. */
export function showState(state) {
  showPart('events', state.events, showEvents)
  showPart('deliveries', state.deliveries, showDeliveries)
  showPart('dead', state.deadLetters, showLetters)
  showLanes(state.lanes)
  showFlow(state)
}

export { showPart }
