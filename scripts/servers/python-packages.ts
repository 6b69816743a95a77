import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { reasonOf } from '../../src/core/errors.ts'
import { downloaded } from './download.ts'

const run = promisify(execFile)

/**
 * Finds packages of PyPI, and downloads them where they are not there.
 *
 * @param name of their folder: another for each choice of packages
 * @param packages with their versions, `name==1.2.3`
 * @param say told before a download
 * @returns the folder, for `PYTHONPATH`
 * @throws {SluicewayError} not_found when Python's pip is missing or cannot download
 */
export const pythonPackages = (
  name: string,
  packages: readonly string[],
  say: (line: string) => void,
): Promise<string> =>
  downloaded(
    name,
    async (draft) => {
      say(`Downloading ${packages.join(', ')} from PyPI (once) …`)
      const options = ['--quiet', '--disable-pip-version-check', '--no-compile', '--only-binary', ':all:']
      // Debian keeps others from its own folder of packages, which this is not.
      const env = { ...process.env, PIP_BREAK_SYSTEM_PACKAGES: '1' }
      await run('python3', ['-m', 'pip', 'install', ...options, '--target', draft, ...packages], { env })
    },
    { from: 'PyPI', why: lastError },
  )

const lastError = (thrown: unknown): string =>
  (thrown as NodeJS.ErrnoException).code === 'ENOENT'
    ? 'Python 3 is not installed'
    : (/ERROR: (.*)/.exec((thrown as { stderr?: string }).stderr ?? '')?.[1] ?? reasonOf(thrown))

/**
 * Finds out whether there is a Python with pip.
 *
 * @returns what is wrong, or undefined when it is there
 */
export const missingPython = (): string | undefined =>
  spawnSync('python3', ['-m', 'pip', '--version']).status === 0 ? undefined : 'Python 3 with pip is not installed'
