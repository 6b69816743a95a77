import type { LoadReport } from './bindings.ts'

/** The report of a load that did nothing. */
export const nothing: LoadReport = { files: 0, events: 0, rows: 0, discards: 0 }

/** Adds up what two loads did. */
export const addReports = (a: LoadReport, b: LoadReport): LoadReport => ({
  files: a.files + b.files,
  events: a.events + b.events,
  rows: a.rows + b.rows,
  discards: a.discards + b.discards,
  erased: (a.erased ?? 0) + (b.erased ?? 0) || undefined,
})
