import { isRecord } from '../../core/json.ts'

/** What is used of the key of a service account. */
export interface ServiceAccount {
  readonly email: string
  readonly keyId: string | undefined
  /** PEM of PKCS #8; a secret. */
  readonly privateKey: string
  /** Where access tokens are given out. */
  readonly tokenUrl: string
  readonly project: string | undefined
}

/** A key that is not told where tokens are given out asks here. */
const googleTokenUrl = 'https://oauth2.googleapis.com/token'

/**
 * Reads the key of a service account, a file of JSON that Google gives out once.
 * https://cloud.google.com/iam/docs/keys-create-delete (stored copy, read 2026-11-29)
 *
 * @param text of the file
 * @returns its parts, or what is wrong with it, without a part of it
 */
export function readServiceAccount(text: string): ServiceAccount | string {
  let key: unknown
  try {
    key = JSON.parse(text)
  } catch {
    return 'must be the JSON of a service account key, the whole file'
  }
  if (!isRecord(key) || key['type'] !== 'service_account')
    return 'must be the key of a service account: its "type" is "service_account"'
  const { client_email, private_key, private_key_id, token_uri, project_id } = key
  if (!isText(client_email)) return 'has no "client_email"'
  if (!isText(private_key) || !private_key.includes('-----BEGIN PRIVATE KEY-----')) return 'has no "private_key" in PEM'
  return {
    email: client_email,
    keyId: isText(private_key_id) ? private_key_id : undefined,
    // Of a variable of the environment that escapes line ends twice.
    privateKey: private_key.replaceAll(String.raw`\n`, '\n'),
    tokenUrl: isText(token_uri) ? token_uri : googleTokenUrl,
    project: isText(project_id) ? project_id : undefined,
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
