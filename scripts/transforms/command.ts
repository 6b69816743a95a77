import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { reasonOf, SluicewayError } from '../../src/core/errors.ts'
import type { Place } from '../build/worker.ts'
import { diffTransform } from './diff.ts'
import { Isolates } from './isolates.ts'
import { findTests, isForVitest, runTests, type TestFile, type TestReport, vitestIn } from './test-files.ts'
import { watchTests } from './watch.ts'

const help = `Usage: npm run transforms -- test [name …] [options]
       npm run transforms -- diff <name> [options]
       npx sluiceway transforms …, in a folder of your own

diff says what a change would have done to events that a deployment has kept ("diff --help" tells its options).

test runs the tests that lie beside transforms: transforms/<name>.test.json (cases), and transforms/<name>.test.ts
(with vitest, or with node:test).

  --watch    go on, and run again what a save concerns
  --cases    only the files of cases
  --isolated run all cases in an isolate, too; without it, those of transforms that the config runs isolated
  --help     show this
`

interface Options extends Place {
  /** What follows the command. */
  readonly argv: readonly string[]
  /** Takes what is printed. */
  readonly say: (text: string) => void
}

/**
 * Runs `transforms …`.
 *
 * @param options where, and the command line
 * @returns the exit code of the process
 * @throws {SluicewayError} bad_request when the command line asks for what there is not
 */
export async function transforms({ argv, say, ...place }: Options): Promise<number> {
  if (argv[0] === 'diff') return diffTransform({ ...place, argv: argv.slice(1), say })
  const { values, positionals } = parse(argv)
  const [verb, ...names] = positionals
  if (values.help || verb === undefined) {
    say(help.trimEnd())
    return 0
  }
  if (verb !== 'test')
    throw new SluicewayError(
      'bad_request',
      `There is no "transforms ${verb}"; npm run transforms -- --help lists what there is`,
    )
  if (!existsSync(join(place.root, 'transforms')))
    throw new SluicewayError('bad_request', `There is no folder transforms in ${place.root}`)
  const isWanted = ({ name, kind }: TestFile): boolean =>
    (names.length === 0 || names.includes(name)) && (!values.cases || kind === 'cases')
  const tests = findTests(place.root).filter(isWanted)
  const untested = names.filter((name) => !tests.some((test) => test.name === name))
  if (untested.length > 0)
    throw new SluicewayError(
      'bad_request',
      `There are no tests of ${untested.join(', ')}: transforms/${untested[0]}.test.json is where cases belong`,
    )
  // Stacks show the user's own lines.
  process.setSourceMapsEnabled(true)
  const reports: TestReport[] = []
  const options = { isolates: new Isolates(place), isolated: values.isolated }
  // It watches by itself, and starts for each run too slowly.
  const vitest = values.watch && tests.some(isForVitest) ? vitestIn(place.root) : undefined
  const isOurs = (test: TestFile): boolean => vitest === undefined || !isForVitest(test)
  for (const test of tests.filter(isOurs)) {
    const report = await runTests(place, test, options)
    say(report.text)
    reports.push(report)
  }
  if (tests.length === 0)
    say('There are no tests beside transforms yet; "npm run new -- transform <name>" makes a transform with one.')
  if (values.watch) watchTests({ place, isWanted: (test) => isWanted(test) && isOurs(test), say, reports, options })
  else await options.isolates.stop()
  if (vitest !== undefined) {
    const files = names.length === 0 ? ['transforms/'] : tests.filter(isForVitest).map(({ file }) => file)
    const args = [vitest, 'watch', '--root', place.root, '--clearScreen=false', ...files]
    const child = spawn(process.execPath, args, { cwd: place.root, stdio: 'inherit' })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        child.kill(signal)
        process.exit(0)
      })
  }
  return reports.every(({ ok }) => ok) || values.watch ? 0 : 1
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        watch: { type: 'boolean', default: false },
        cases: { type: 'boolean', default: false },
        isolated: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (thrown) {
    throw new SluicewayError('bad_request', `${reasonOf(thrown)}\n\n${help.trimEnd()}`)
  }
}
