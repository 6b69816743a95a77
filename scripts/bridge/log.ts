const levels = ['error', 'warn', 'info', 'debug'] as const

/** How much matters. */
export type LogLevel = (typeof levels)[number]

/** Takes what happened, as fields; secrets, keys and values of records are never among them. */
export type BridgeLog = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void

/**
 * Makes a log of JSON lines.
 *
 * @param most what is less important is left out
 * @param write takes a line
 * @returns the log
 */
export function jsonLog(most: LogLevel, write: (line: string) => void): BridgeLog {
  return (level, message, fields = {}) => {
    if (levels.indexOf(level) > levels.indexOf(most)) return
    write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`)
  }
}
