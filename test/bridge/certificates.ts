import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Paths of PEM files. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

/** A private authority, and certificates of it for the loopback. */
export interface Certificates {
  readonly ca: string
  readonly server: Pair
  readonly client: Pair
  /** Key and certificate of the server in one file, as Kafka takes them. */
  readonly serverBundle: string
  /** A certificate that another authority has signed. */
  readonly stranger: Pair
  readonly remove: () => Promise<void>
}

/** Makes a private authority with openssl. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'sluiceway-tls-'))
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => run('openssl', args)
  const authority = async (name: string): Promise<Pair> => {
    const pair = { cert: at(`${name}.pem`), key: at(`${name}-key.pem`) }
    const subject = ['-subj', `/CN=${name}`, '-days', '2', '-nodes']
    await openssl('req', '-x509', '-newkey', 'rsa:2048', '-keyout', pair.key, '-out', pair.cert, ...subject)
    return pair
  }
  const signed = async (name: string, by: Pair): Promise<Pair> => {
    const pair = { cert: at(`${name}.pem`), key: at(`${name}-key.pem`) }
    const request = at(`${name}.csr`)
    const extensions = at(`${name}.ext`)
    await writeFile(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    await openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', pair.key, '-out', request, '-subj', `/CN=${name}`)
    const signing = ['-CA', by.cert, '-CAkey', by.key, '-CAcreateserial', '-days', '2', '-extfile', extensions]
    await openssl('x509', '-req', '-in', request, '-out', pair.cert, ...signing)
    return pair
  }
  const [ca, otherCa] = [await authority('shop-ca'), await authority('other-ca')]
  const [server, client, stranger] = [
    await signed('broker', ca),
    await signed('bridge', ca),
    await signed('stranger', otherCa),
  ]
  const serverBundle = at('broker-bundle.pem')
  await writeFile(serverBundle, `${await readFile(server.key, 'utf8')}${await readFile(server.cert, 'utf8')}`)
  const remove = () => rm(folder, { recursive: true, force: true })
  return { ca: ca.cert, server, client, serverBundle, stranger, remove }
}
