// The demo page: opens the shop, and shows each second, while the page is seen, what arrived where.
import { durationOf, setText } from './dom.js'
import { showState } from './panels.js'
import { openShop } from './shop.js'
import { showWarehouse } from './warehouse.js'

const everyMs = 1000
const notice = document.getElementById('notice')
const status = document.getElementById('status')
const form = document.getElementById('token')
const problems = new Map()

function showProblem(kind, text) {
  if (text === undefined) problems.delete(kind)
  else problems.set(kind, text)
  notice.hidden = problems.size === 0
  setText(notice, [...problems.values()].join(' '))
}

// The event that was clicked last, and how far it has come.
let last

function onSent({ name, id, dropped = false }) {
  last = { name, id, told: '' }
  setText(document.getElementById('last'), name)
  setText(status, `${name} sent`)
  for (const step of ['log', 'webhook', 'warehouse']) showStep(step, '', dropped ? '–' : '…')
  if (dropped) {
    showStep('log', '', 'dropped')
    setText(status, `${name}: dropped by a transform, and counted`)
  }
  setTimeout(refresh, 150)
}

function showStep(step, kind, text) {
  const item = document.querySelector(`[data-step="${step}"]`)
  item.className = kind
  setText(item.querySelector('span'), text)
}

const itemsOf = (part) => part?.items ?? []

function showJourney({ events, deliveries, deadLetters, warehouses, last: atEdge }, asked) {
  if (last?.id === undefined) return
  if (atEdge !== undefined && asked === last.id) {
    showStep('log', 'bad', 'dropped')
    showStep('webhook', '', '–')
    showStep('warehouse', '', '–')
    setText(status, `${last.name}: ${atEdge.reason}`)
    return
  }
  const letter = itemsOf(deadLetters).find(({ messageId }) => messageId === last.id)
  if (letter?.stage === 'ingest' || letter?.stage === 'transform') {
    showStep('log', 'bad', 'refused')
    showStep('webhook', '', '–')
    showStep('warehouse', '', '–')
    setText(status, `${last.name}: kept as a dead letter, ${letter.reason}`)
    return
  }
  if (itemsOf(events).some(({ id }) => id === last.id)) showStep('log', 'good', 'stored')
  const delivery = itemsOf(deliveries).find(({ id }) => id === last.id)
  if (delivery !== undefined) {
    showStep('webhook', 'good', delivery.delayMs === undefined ? 'delivered' : durationOf(delivery.delayMs))
    if (last.told === '') setText(status, (last.told = `${last.name} arrived at the webhook`))
  } else if (letter !== undefined) showStep('webhook', 'bad', 'refused')
  const table = warehouses
    .flatMap(({ tables }) => tables ?? [])
    .find(({ rows }) => rows.some(({ id }) => id === last.id))
  if (table !== undefined) showStep('warehouse', 'good', 'loaded')
}

let token = sessionStorage.getItem('sluiceway-demo-token') ?? ''
let timer
let running = false

async function refresh() {
  clearTimeout(timer)
  if (running || document.hidden) return
  running = true
  try {
    const headers = token === '' ? {} : { authorization: `Bearer ${token}` }
    const asked = last?.id
    const query = asked === undefined ? '' : `?last=${encodeURIComponent(asked)}`
    const response = await fetch(`/demo/state${query}`, { headers, signal: AbortSignal.timeout(10_000) })
    form.hidden = response.status !== 403
    if (response.status === 403)
      showProblem('state', 'What arrived is shown to the machine itself only. From elsewhere, give the admin token.')
    else if (response.ok) {
      const state = await response.json()
      showState(state)
      showWarehouse(state.warehouses)
      showJourney(state, asked)
      showProblem('state')
    } else throw new Error(String(response.status))
  } catch {
    showProblem('state', 'The server does not answer; trying again.')
  } finally {
    running = false
    clearTimeout(timer)
    timer = setTimeout(refresh, everyMs)
  }
}

form.addEventListener('submit', (submitted) => {
  submitted.preventDefault()
  token = document.getElementById('token-field').value.trim()
  sessionStorage.setItem('sluiceway-demo-token', token)
  void refresh()
})
document.addEventListener('visibilitychange', refresh)

void refresh()
try {
  const { writeKey, dataPlaneUrl } = await (await fetch('/demo/config.json')).json()
  openShop({
    writeKey,
    dataPlaneUrl: location.origin + dataPlaneUrl,
    onSent,
    onProblem: (text) => showProblem('shop', text),
  })
} catch {
  showProblem('shop', 'The shop could not be opened; reload the page.')
}
