import { existsSync, type FSWatcher, watch } from 'node:fs'
import { basename, dirname, join, sep } from 'node:path'
import type { Place } from '../build/worker.ts'
import { findTests, type RunOptions, runTests, type TestFile, type TestReport } from './test-files.ts'

interface Options {
  readonly place: Place
  readonly isWanted: (test: TestFile) => boolean
  readonly say: (line: string) => void
  /** Reports of the first run. */
  readonly reports: readonly TestReport[]
  /** How tests are run: what runs isolated is kept from one run to the next. */
  readonly options?: RunOptions
}

/** Milliseconds that an editor may take to write all that it saves. */
const settleMs = 40

/**
 * Runs tests again when what they depend on is saved.
 *
 * @param options what was run already
 * @returns ends it
 */
export function watchTests({ place, isWanted, say, reports, options = {} }: Options): () => void {
  const known = new Map(reports.map((report) => [report.test.file, report]))
  const watchers = new Map<string, FSWatcher>()
  const changed = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let running = false

  const rerun = async (): Promise<void> => {
    if (running || changed.size === 0) return
    running = true
    const files = [...changed]
    changed.clear()
    for (const test of findTests(place.root).filter(
      (one) => isWanted(one) && dependsOn(one, known.get(one.file), files),
    )) {
      const report = await runTests(place, test, options)
      known.set(test.file, report)
      say(report.text)
      follow(report.files ?? [])
    }
    running = false
    if (changed.size > 0) void rerun()
  }
  const note = (file: string): void => {
    changed.add(file)
    clearTimeout(timer)
    timer = setTimeout(() => void rerun(), settleMs)
  }
  const folder = join(place.root, 'transforms')
  /** Files elsewhere, that a transform imports. */
  const follow = (files: readonly string[]): void => {
    for (const file of files) {
      const place = dirname(file)
      const isKnown = watchers.has(place) || file.startsWith(folder + sep) || file.includes(`node_modules${sep}`)
      if (isKnown || !existsSync(place)) continue
      watchers.set(
        place,
        watch(place, (_, name) => name !== null && note(join(place, name))),
      )
    }
  }
  watchers.set(
    folder,
    watch(folder, { recursive: true }, (_, name) => name !== null && note(join(folder, name))),
  )
  follow(reports.flatMap(({ files }) => files ?? []))
  say('Waiting for a change in transforms/; Ctrl-C ends it.')
  return () => {
    clearTimeout(timer)
    for (const watcher of watchers.values()) watcher.close()
  }
}

/** A file of nobody's name, such as a library, may be in any of them. */
function dependsOn({ name, file }: TestFile, report: TestReport | undefined, changed: readonly string[]): boolean {
  return changed.some((one) => {
    if (one === file) return true
    const isOthersTest = /\.test\.\w+$/.test(one)
    if (isOthersTest) return false
    if (report?.files !== undefined) return report.files.includes(one)
    const isTransform = basename(dirname(one)) === 'transforms'
    return !isTransform || basename(one).replace(/\.\w+$/, '') === name
  })
}
