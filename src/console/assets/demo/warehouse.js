// The warehouse panel: tables with counts, and the newest rows of the chosen one.
import { element, setText, showList, timeOf } from './dom.js'
import { showPart } from './panels.js'

const section = document.getElementById('warehouse')
const buttons = section.querySelector('.tables')
const rows = section.querySelector('.rows')
const note = section.querySelector('.note')

/** The table that was clicked; until then the one of all track events. */
let chosen = 'tracks'
let shown = ''
let latest

const first = ['event_text', 'name', 'email', 'user_id']
const last = ['received_at', 'id']
const left = new Set(['event', 'anonymous_id', 'channel', 'uuid_ts', 'sent_at', 'original_timestamp', 'timestamp'])
const isAside = (column) => /^(context_|_)/.test(column) || left.has(column)

const rankOf = (column) => {
  const front = first.indexOf(column)
  return front >= 0 ? front - first.length : last.includes(column) ? 1 + last.indexOf(column) : 0
}

const isTime = (column, value) =>
  typeof value === 'string' && /(_at|_ts|timestamp)$/.test(column) && timeOf(value) !== ''

const textOf = (column, value) => {
  if (value === null || value === undefined) return ''
  if (isTime(column, value)) return timeOf(value)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function tableOf({ name, rows: found }) {
  const filled = [...new Set(found.flatMap((row) => Object.keys(row).filter((column) => row[column] !== null)))]
  const columns = filled.filter((column) => !isAside(column)).toSorted((a, b) => rankOf(a) - rankOf(b))
  const aside = filled.length - columns.length
  setText(
    note,
    aside === 0 ? '' : `and ${aside} more columns, such as ${filled.filter(isAside).slice(0, 3).join(', ')}`,
  )
  const head = element(
    'tr',
    {},
    columns.map((column) => element('th', { scope: 'col' }, [column])),
  )
  const body = found.map((row) =>
    element(
      'tr',
      {},
      columns.map((column) => {
        const text = textOf(column, row[column])
        return element('td', typeof row[column] === 'number' ? { class: 'number' } : { title: text }, [text])
      }),
    ),
  )
  const caption = element('caption', { class: 'visually-hidden' }, [`Newest rows of ${name}`])
  return element('table', {}, [caption, element('thead', {}, [head]), element('tbody', {}, body)])
}

function showTables(tables) {
  const names = tables.map(({ name }) => name)
  const current = names.includes(chosen) ? chosen : names[0]
  showList(buttons, tables, {
    keyOf: ({ name }) => name,
    make: ({ name }) => element('button', { type: 'button' }, [`${name} `, element('b')]),
    update: (button, { name, count }) => {
      button.setAttribute('aria-pressed', String(name === current))
      setText(button.querySelector('b'), String(count))
    },
  })
  const table = tables.find(({ name }) => name === current)
  const text = JSON.stringify(table)
  if (text === shown) return
  shown = text
  const { scrollLeft } = rows
  rows.replaceChildren(...(table === undefined ? [] : [tableOf(table)]))
  rows.scrollLeft = scrollLeft
}

const statusOf = ({ driver, status, tableNames }) =>
  `${driver}: ${tableNames.length} tables, ${status.stagedEvents} events staged` +
  (status.lastLoad === undefined ? '' : `, last load of ${status.lastLoad.rows} rows at ${timeOf(status.lastLoad.at)}`)

/** Shows the first warehouse of `/demo/state`. */
export function showWarehouse(warehouses) {
  latest = warehouses
  const [warehouse] = warehouses
  showPart('warehouse', warehouse ?? { unavailable: 'the config has no warehouse' }, () => {
    const readable = warehouse.driver === 'd1'
    const tables = readable ? warehouse.tables : []
    buttons.hidden = rows.hidden = tables.length === 0
    if (readable) showTables(tables)
    else setText(note, statusOf(warehouse))
    return readable ? tables.length : 1
  })
}

buttons.addEventListener('click', ({ target }) => {
  const button = target.closest('button')
  if (button === null) return
  chosen = button.dataset.key
  showWarehouse(latest)
})
