/** Milliseconds of a clock that all threads share and that nobody sets. */
export const clock = (): number => {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000 + nanoseconds / 1_000_000
}
