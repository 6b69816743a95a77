import * as z from 'zod/mini'
import { SluicewayError } from '../core/errors.ts'
import { mapStack, type Positions } from '../core/positions.ts'
import type { Transform } from '../core/transform.ts'
import type { BuiltLibraries, BuiltModule, BuiltModules, PythonRuntime } from '../transforms/built-code.ts'
import { codePaths } from '../transforms/code-paths.ts'
import type { IsolateCode } from '../transforms/isolate.ts'
import { definedFunctions } from '../transforms/python/defined-functions.ts'
import type { AdminCall } from './responses.ts'

/** UTF-16 code units of the code of one request. */
const codeLength = 1_000_000

const text = z.string()
export const credentials = z.optional(z.array(z.looseObject({ key: text, value: text })))
/** `handleName` is what the code imports; a library of the deployment has its handle for `versionId`, and no code here. */
export const library = z.looseObject({
  handleName: z.optional(text),
  code: z.optional(text),
  versionId: z.optional(text),
})
export const code = z.looseObject({
  code: z.optional(text),
  codeVersion: z.optional(text),
  language: z.optional(text),
  name: z.optional(text),
})

/** Code of a call, with what it is given. */
export interface Given {
  readonly code: z.output<typeof code> | undefined
  readonly libraries: readonly z.output<typeof library>[]
  readonly credentials: z.output<typeof credentials>
}

/** Code of a call, as a transform that runs in an isolate. */
export interface GivenCode {
  readonly transform: Transform
  readonly functions: readonly string[]
  /** Shows a stack as RudderStack does: the name of the transformation for its file, and nothing below its function. */
  readonly show: (stack: string) => string
}

interface Loaded extends Pick<GivenCode, 'functions' | 'show'> {
  readonly modules: IsolateCode['modules']
}

export const failed = (message: string): SluicewayError => new SluicewayError('bad_request', message)

/** What RudderStack says where there is no code. */
export const noCode = 'Invalid Request. Missing parameters in transformation code block'

/**
 * Makes a transform of code of a call. It reaches no network, and no credentials but those of the call.
 *
 * @param c the call
 * @param given the code, its libraries and credentials
 * @throws {SluicewayError} bad_request, body_too_large; conflict where what runs beside it is not among the assets
 */
export async function givenCode(c: AdminCall, given: Given): Promise<GivenCode> {
  const { code: source, codeVersion = '1', language = 'javascript', name = 'base transformation' } = given.code ?? {}
  if (source === undefined || source.trim() === '') throw failed(noCode)
  const load = loaders[language]
  if (load === undefined)
    throw failed(
      `Code runs here in javascript and python (or pythonfaas), not ${language}: take the types out of TypeScript before`,
    )
  if (codeVersion !== '1')
    throw failed('Only codeVersion "1" runs (modules): write export const transformBatch = transform below the code')
  const libraries = librariesOf(given)
  const length = [source, ...libraries.values()].reduce((sum, one) => sum + one.length, 0)
  if (length > codeLength)
    throw new SluicewayError('body_too_large', `Code and libraries may have ${codeLength} characters, not ${length}.`)
  const stored = given.libraries.flatMap(({ code: content, versionId }) =>
    content === undefined && versionId !== undefined ? versionId : [],
  )
  const { modules, functions, show } = await load(c, { source, name, libraries, stored })
  const { isolate } = await import('../transforms/isolate.ts')
  const loaded: IsolateCode = {
    hash: crypto.randomUUID(),
    main: harnessName,
    modules: { ...modules, [harnessName]: await (await asset(c, 'harness')).text() },
  }
  const secrets = Object.fromEntries((given.credentials ?? []).map(({ key, value }) => [key, value]))
  return { transform: isolate({ name, functions }, loaded, { credentials: secrets }), functions, show }
}

const harnessName = 'harness.js'
const ourNames: ReadonlySet<string> = new Set([harnessName, 'user.js'])

/** Texts of the libraries that come with a call, by handle. */
function librariesOf({ libraries }: Given): Map<string, string> {
  const texts = new Map<string, string>()
  for (const { handleName, code: content, versionId } of libraries) {
    if (content === undefined && versionId !== undefined) continue
    if (handleName === undefined || content === undefined)
      throw failed('A library needs handleName and code, or the handle of one of the deployment as versionId')
    if (ourNames.has(handleName) || handleName.includes('/')) throw failed(`No library can be called ${handleName}`)
    texts.set(handleName, content)
  }
  return texts
}

interface Loading {
  readonly source: string
  readonly name: string
  /** Texts of the call's own libraries, by handle. */
  readonly libraries: ReadonlyMap<string, string>
  /** Handles of libraries of the deployment that the call names. */
  readonly stored: readonly string[]
}

const loaders: Readonly<Record<string, (c: AdminCall, loading: Loading) => Promise<Loaded>>> = {
  javascript: loadJavaScript,
  python: loadPython,
  pythonfaas: loadPython,
}

/** What code imports, and from where. Of what only looks like an import, nothing comes. */
const imports = /\b(?:from|import)\s*\(?\s*["']([^"'\n]+)["']/g
const builtIn = /^@rs\/[A-Za-z]+\/v\d{1,3}$/

async function loadJavaScript(c: AdminCall, { source, name, libraries, stored }: Loading): Promise<Loaded> {
  const named = new Set(
    [source, ...libraries.values()].flatMap((one) => [...one.matchAll(imports)].map(([, from = '']) => from)),
  )
  const wanted = [...named].filter((one) => !libraries.has(one))
  const rs = wanted.filter((one) => builtIn.test(one))
  const builtInModules = rs.length === 0 ? {} : ((await (await asset(c, 'builtIn')).json()) as BuiltModules)
  const unknown = rs.find((one) => !Object.hasOwn(builtInModules, one))
  if (unknown !== undefined)
    throw failed(`${notFound(unknown)} Built in are ${Object.keys(builtInModules).toSorted().join(', ')}.`)
  const handles = wanted.filter((one) => /^[\w$]+$/.test(one))
  const deployed = handles.length + stored.length === 0 ? {} : (await deployedLibraries(c)).javascript
  assertStored(stored, deployed)
  const found = [
    ...rs.map((one) => [one, builtInModules[one] as BuiltModule] as const),
    ...handles.flatMap((one) => (Object.hasOwn(deployed, one) ? [[one, deployed[one] as BuiltModule] as const] : [])),
  ]
  const positions = Object.fromEntries(
    found.flatMap(([handle, built]) => (built.positions === undefined ? [] : [[handle, built.positions] as const])),
  )
  const modules: Record<string, WorkerLoaderModule | string> = { 'user.js': source }
  for (const [handle, content] of [...libraries, ...found.map(([one, built]) => [one, built.text] as const)])
    modules[handle] = { js: content }
  return {
    modules,
    functions: ['transformEvent', 'transformBatch'].filter((one) => exportsName(source, one)),
    show: (stack) => shownStack(stack, { name, handles: [...libraries.keys()], positions }),
  }
}

/** What RudderStack says of an import that leads nowhere. */
const notFound = (name: string): string => `import from ${name} failed. Module not found.`

/**
 * Says why code of a call did not run at all.
 *
 * @param message of the runtime
 */
export function runFailure(message: string): string {
  const [, missing] =
    /no such module "([^"]+)"|ImportError: no module named '([^']+)'/i.exec(message)?.filter(Boolean) ?? []
  if (missing === undefined) return message.replace(/^Failed to start Worker:\s+Uncaught /, '')
  const isPython = message.includes('ImportError')
  return isPython
    ? `${notFound(missing)} Python finds libraries of the call and of the deployment, and what docs/transforms-python.md lists.`
    : `${notFound(missing)} Code of a call finds @rs/…, and libraries of the call and of the deployment. A package of npm must be bundled into it: npm run transforms -- test and diff do that, and esbuild does (--bundle --format=esm).`
}

const exportsName = (source: string, name: string): boolean =>
  new RegExp(
    String.raw`export\s+(?:async\s+)?(?:function\*?|const|let|var)\s+${name}\b|export\s*\{[^}]*\b${name}\b`,
  ).test(source)

async function loadPython(c: AdminCall, { source, name, libraries, stored }: Loading): Promise<Loaded> {
  const { python: deployed } = await deployedLibraries(c)
  assertStored(stored, deployed)
  const { engine, library: ours } = (await (await asset(c, 'python')).json()) as PythonRuntime
  const own = Object.entries(deployed).filter(([handle]) => !libraries.has(handle))
  const program = {
    files: {
      ...Object.fromEntries(own.map(([handle, one]) => [`${handle}.py`, one.text])),
      ...Object.fromEntries([...libraries].map(([handle, content]) => [`${handle}.py`, content])),
      '_transform.py': source,
    },
    shown: {
      ...Object.fromEntries(own.map(([handle, one]) => [`${handle}.py`, one.shown])),
      ...Object.fromEntries([...libraries.keys()].map((handle) => [`${handle}.py`, `library ${handle}`])),
      '_transform.py': name,
    },
  }
  const functions = definedFunctions(source)
  return {
    modules: {
      'python.js': engine,
      'micropython.wasm': { wasm: await (await asset(c, 'wasm')).arrayBuffer() },
      'given.js': { json: { program, library: ours } },
      'user.js': [
        "import { givenFunctions } from './python.js'",
        "import wasm from './micropython.wasm'",
        "import given from './given.js'",
        'const made = givenFunctions(wasm, given, globalThis)',
        ...functions.map((one) => `export const ${one} = made.${one}`),
      ].join('\n'),
    },
    functions,
    show: (stack) => stack,
  }
}

const deployedLibraries = async (c: AdminCall): Promise<BuiltLibraries> =>
  (await asset(c, 'libraries')).json() as Promise<BuiltLibraries>

function assertStored(stored: readonly string[], deployed: object): void {
  const unknown = stored.find((one) => !Object.hasOwn(deployed, one))
  if (unknown === undefined) return
  const known = Object.keys(deployed).toSorted()
  throw failed(
    `No library of the deployment is called ${JSON.stringify(unknown)}; there ${known.length === 0 ? 'is none' : `are ${known.join(', ')}`}. One of the call has handleName and code.`,
  )
}

/** What the build puts among the assets. Any host: the binding looks at the path alone. */
async function asset(c: AdminCall, kind: keyof typeof codePaths): Promise<Response> {
  const path = codePaths[kind]
  const answer = await c.env.bindings.ASSETS?.fetch(`https://assets.local${path}`)
  if (answer?.ok === true) return answer
  await answer?.body?.cancel()
  throw new SluicewayError('conflict', `There is no ${path} among the assets: build and deploy again.`)
}

interface Shown {
  readonly name: string
  /** Of libraries that came with the call. */
  readonly handles: readonly string[]
  /** By handle, of libraries of the deployment. */
  readonly positions: Readonly<Record<string, Positions>>
}

function shownStack(stack: string, { name, handles, positions }: Shown): string {
  const lines = stack.split('\n')
  const last = lines.findLastIndex((line) => /^\s+at .*\btransform(?:Event|Batch)\b/.test(line))
  let shown = (last < 0 ? lines : lines.slice(0, last + 1))
    // Each by itself: those that nothing is known of stay.
    .map((line) => mapStack(line, positions))
    .join('\n')
    .replaceAll(/\buser\.js(?=:\d+:\d+)/g, () => name)
  for (const handle of handles)
    shown = shown.replaceAll(
      new RegExp(String.raw`(?<=[(\s/])${handle.replaceAll(/\W/g, String.raw`\$&`)}(?=:\d+:\d+)`, 'g'),
      () => `library ${handle}`,
    )
  return shown
}
