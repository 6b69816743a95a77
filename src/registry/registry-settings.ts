import { checkSettings, type Checked, type Fields, type Input, type Settings } from '../configure/settings.ts'

/** The settings of a schema registry, for destinations and sources that use one. */
export const registryFields = {
  url: {
    type: 'url',
    about: 'The base of its Confluent API, for example https://registry.example.com, or …/apis/ccompat/v7 of Apicurio.',
    insecureWhen: 'allowPrivate',
  },
  user: { type: 'string', about: 'User, or API key, of Basic authorization.', optional: true },
  password: { type: 'string', about: 'Password, or API secret, of Basic authorization.', secret: true, optional: true },
  token: {
    type: 'string',
    about: 'Token of Bearer authorization, instead of user and password.',
    secret: true,
    optional: true,
  },
  timeoutSeconds: { type: 'number', about: 'Seconds until a call is given up.', default: 5, min: 1, max: 60 },
  latestSeconds: {
    type: 'number',
    about: 'Seconds for which the latest version of a subject is remembered.',
    default: 60,
    min: 0,
    max: 86_400,
  },
  normalize: {
    type: 'boolean',
    about: 'Asks the registry to take schemas for the same that differ in form only.',
    default: false,
  },
  allowPrivate: {
    type: 'boolean',
    about: 'Allows http and hosts that are not public, for tests on one machine.',
    default: false,
  },
} as const satisfies Fields

/** What a user writes. */
export type RegistryInput = Input<typeof registryFields>

/** What a client gets, checked and with defaults. */
export type RegistrySettings = Settings<typeof registryFields>

/**
 * Checks the settings of a registry.
 *
 * @param input what the user wrote
 * @returns the settings, what is wrong with them, and a copy without secrets
 */
export function checkRegistry(input: RegistryInput): Checked<typeof registryFields> {
  const checked = checkSettings(registryFields, input)
  const { user, password, token } = checked.settings
  const problems = [...checked.problems]
  if ((user === undefined) !== (password === undefined))
    problems.push(`"${user === undefined ? 'user' : 'password'}" is missing: the registry needs both or none`)
  if (token !== undefined && user !== undefined) problems.push('"token" cannot stand beside "user": choose one of them')
  if (user?.includes(':') === true) problems.push('"user" cannot hold a colon')
  return { ...checked, problems }
}
