import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeSecrets, savedSecrets } from '../start/state.ts'

/** What wrangler reads instead of `.dev.vars` where there is none; a key in one of them must not be hidden by a new file. */
const others = ['.env', '.env.local']

interface Options {
  /** The repository. */
  readonly root: string
  /** Takes each line for the developer. */
  readonly say: (line: string) => void
}

/**
 * Writes `.dev.vars` with the keys that `npm start` has made already, or else new ones, readable by the owner only, so that the first `wrangler dev` can take events; says where it
 * is and what is in it. An existing file is never changed, and none is made where `.env` gives the write key.
 *
 * wrangler runs its custom build before it reads the file, so the first start sees what the build made.
 *
 * @param options `root`, where the file shall be, and `say`
 */
export function makeDevVars({ root, say }: Options): void {
  const path = join(root, '.dev.vars')
  if (existsSync(path) || others.some((name) => namesWriteKey(join(root, name)))) return
  const saved = savedSecrets(join(root, '.sluiceway'))
  const secrets = saved ?? makeSecrets()
  try {
    writeFileSync(path, textOf(secrets), { mode: 0o600, flag: 'wx' })
  } catch (thrown) {
    // Another start made it in this moment, and has said so.
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return
    throw thrown
  }
  for (const line of [
    `Made ${path} with ${saved === undefined ? 'new keys' : 'the keys of .sluiceway'} for this machine; git ignores it:`,
    `  Write key    ${secrets.writeKey}`,
    `  Admin token  ${secrets.adminToken}`,
    'The demo is under /demo. Scheduled functions run by themselves from the first request on.',
  ])
    say(line)
}

const namesWriteKey = (path: string): boolean =>
  existsSync(path) && /^\s*(?:export\s+)?WRITE_KEY\s*=/m.test(readFileSync(path, 'utf8'))

const textOf = (
  secrets: ReturnType<typeof makeSecrets>,
): string => `# What \`wrangler dev\` gives to the config on this machine; never deployed. Delete the file and start again for new keys.
# wrangler takes only names from here that wrangler.toml has under [secrets] or [vars].
WRITE_KEY=${secrets.writeKey}
ADMIN_TOKEN=${secrets.adminToken}
WEBHOOK_SECRET=${secrets.webhookSecret}
# The demo page's own sink, whatever port is listened on. Put the URL of a webhook of yours here.
WEBHOOK_URL=http://demo.localhost/demo/sink
# Allows webhooks on this machine and stages rows after a second.
LOCAL=1
DEMO=1
# Seconds between runs of the scheduled functions: wrangler fires no cron on a developer's machine.
TICK_SECONDS=5
`
