/** Operations that Cloudflare bills, counted since the object started. */
export interface Billed {
  calls: number
  rowsWritten: number
  /** Rows that a load wrote to D1: the warehouse's own bill. */
  d1RowsWritten: number
  alarms: number
  r2Writes: number
  r2Reads: number
}

/** Begins to count. */
export const createBill = (): Billed => ({
  calls: 0,
  rowsWritten: 0,
  d1RowsWritten: 0,
  alarms: 0,
  r2Writes: 0,
  r2Reads: 0,
})
