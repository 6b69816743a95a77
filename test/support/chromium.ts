import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const places = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome']

/** Path of a Chromium on this machine: what `CHROMIUM` says, or the first one on the PATH; undefined when there is none. */
export const chromium: string | undefined = [
  process.env.CHROMIUM ?? '',
  ...(process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name))),
  ...places,
].find((path) => path !== '' && existsSync(path))

export const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
