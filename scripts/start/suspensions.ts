import { existsSync, readFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { hashOf, writeWhole } from '../build/record.ts'

/** A transform that did not end, as the state folder keeps it. */
interface Suspension {
  readonly name: string
  /** When its runtime was ended, ISO 8601. */
  readonly at: string
  /** Path of its file from the project's folder; left out where it is not known. */
  readonly file?: string
  /** Of its file and all that this imports, or of the whole Worker. */
  readonly hash: string
}

/** What the bundler says of the files of a bundle: paths from the project's folder. */
interface Inputs {
  readonly [path: string]: { readonly imports: readonly { readonly path: string; readonly external?: boolean }[] }
}

interface Options {
  /** Absolute path of the state folder. */
  readonly state: string
  /** The project's folder. */
  readonly root: string
  /** Folder of the bundle; its name is the hash of all that it was made from. */
  readonly build: string
  readonly say: (line: string) => void
}

/** Which transforms are suspended: kept in the state folder until their code changes. */
export class Suspensions {
  readonly #path: string
  readonly #root: string
  readonly #build: string
  readonly #inputs: Inputs
  #kept: readonly Suspension[]

  /** Reads what was suspended before, and says of each whether it still is. */
  constructor({ state, root, build, say }: Options) {
    this.#path = join(state, 'suspended.json')
    this.#root = root
    this.#build = build
    const meta = join(build, 'meta.json')
    this.#inputs = existsSync(meta) ? (JSON.parse(readFileSync(meta, 'utf8')) as { inputs: Inputs }).inputs : {}
    const before = existsSync(this.#path) ? (JSON.parse(readFileSync(this.#path, 'utf8')) as Suspension[]) : []
    this.#kept = before.filter(({ name, hash }) => hash === this.#hashOf(this.#fileOf(name)))
    for (const one of before)
      say(
        this.#kept.includes(one)
          ? `${this.describe(one.name)} is still suspended: it did not end on ${one.at}, and has not changed since.`
          : `${this.describe(one.name)} has changed, and is run again.`,
      )
    if (this.#kept.length < before.length) this.#write()
  }

  /** When each was suspended, by name. */
  get all(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#kept.map(({ name, at }) => [name, at]))
  }

  /** Suspends transforms from now on. */
  add(names: readonly string[]): void {
    const at = new Date().toISOString()
    const added = names.map((name): Suspension => {
      const file = this.#fileOf(name)
      return { name, at, ...(file === undefined ? {} : { file }), hash: this.#hashOf(file) }
    })
    this.#kept = [...this.#kept.filter(({ name }) => !names.includes(name)), ...added]
    this.#write()
  }

  /** Names a transform and its file: `The transform "score" (transforms/score.ts)`. */
  describe(name: string): string {
    const file = this.#fileOf(name)
    return `The transform ${/^\d+ of /.test(name) ? name : `"${name}"`}${file === undefined ? '' : ` (${this.#sourceOf(file)})`}`
  }

  /** The file in the bundle that has the name of a transform, or else names it. */
  #fileOf(name: string): string | undefined {
    const own = Object.keys(this.#inputs).filter((path) => !/(^|\/)node_modules\/|^src\/(?!config)/.test(path))
    const named = own.find((path) => /(^|\/)transforms\//.test(path) && basename(path, extname(path)) === name)
    return named ?? own.find((path) => this.#names(path, name))
  }

  #names(path: string, name: string): boolean {
    const file = join(this.#root, path)
    if (!existsSync(file)) return false
    const text = readFileSync(file, 'utf8')
    return /transform(Event|Batch)/.test(text) && [`'${name}'`, `"${name}"`].some((quoted) => text.includes(quoted))
  }

  /** The user's file, where the bundle has what was built of it. */
  #sourceOf(path: string): string {
    if (!path.startsWith('dist/')) return path
    const plain = join('transforms', basename(path, extname(path)))
    const ends = ['.ts', '.js', '.mjs', '.py']
    return ends.map((end) => `${plain}${end}`).find((one) => existsSync(join(this.#root, one))) ?? path
  }

  #hashOf(file: string | undefined): string {
    return file === undefined ? basename(this.#build) : hashOf(this.#root, this.#withImports(file))
  }

  #withImports(file: string): string[] {
    const found = new Set([file])
    for (const path of found)
      for (const one of this.#inputs[path]?.imports ?? []) if (one.external !== true) found.add(one.path)
    return [...found].toSorted()
  }

  #write(): void {
    writeWhole(this.#path, `${JSON.stringify(this.#kept, null, 2)}\n`)
  }
}
