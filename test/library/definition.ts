// A destination as the library has them, small enough to see what it does: it posts each event to a vendor.
import door from '../../src/library/core.cjs'
import type { ActionDefinition, Definition } from '../../src/library/definition.ts'
import type { Json } from '../../src/library/json.ts'
import type { RequestClient } from '../../src/library/request-client.ts'

const fields: ActionDefinition['fields'] = {
  email: { label: 'Email', type: 'string', required: true, default: { '@path': '$.traits.email' } },
  name: { label: 'Name', type: 'string', default: { '@path': '$.event' } },
  enable_batching: { label: 'Batch', type: 'boolean', default: false },
}

const postTo =
  (path: string): ActionDefinition['perform'] =>
  async (request, { payload, settings }) =>
    (request as RequestClient)(`${((settings as Json)['endpoint'] ?? 'https://crm.example.com') as string}${path}`, {
      method: 'post',
      json: payload,
    })

/** Sends contacts on identify, and a score on every event; a batch of contacts gets a status for each. */
export const crm: Definition = {
  name: 'Engine CRM',
  slug: 'actions-engine-crm',
  mode: 'cloud',
  authentication: {
    scheme: 'custom',
    fields: {
      apiKey: {
        label: 'API key',
        description: 'Of [your account](https://crm.example.com). Keep it.',
        type: 'password',
        required: true,
      },
      endpoint: { label: 'Endpoint', type: 'string', default: 'https://crm.example.com' },
      region: { label: 'Region', type: 'string', choices: [{ value: 'eu', label: 'EU' }], default: 'eu' },
    },
  },
  extendRequest: ({ settings }) => ({ headers: { 'x-api-key': (settings as Json)['apiKey'] } }),
  presets: [
    {
      type: 'automatic',
      name: 'Contacts',
      partnerAction: 'contact',
      subscribe: 'type = "identify"',
      mapping: { email: { '@path': '$.traits.email' } },
    },
    {
      type: 'automatic',
      name: 'Scores',
      partnerAction: 'score',
      subscribe: 'type = "identify" or type = "track"',
      mapping: { name: { '@path': '$.type' }, email: 'all@example.com' },
    },
  ],
  actions: {
    contact: {
      title: 'Contact',
      defaultSubscription: 'type = "identify"',
      fields: fields as NonNullable<ActionDefinition['fields']>,
      perform: postTo('/contacts'),
      performBatch: async (request, data) => {
        const payload = data['payload'] as Json[]
        const response = await postTo('/contacts/batch')(request, data)
        const answer = new door.core.MultiStatusResponse()
        const { statuses = [] } = (response as { data: { statuses?: number[] } }).data
        for (const [i, one] of payload.entries()) {
          const status = statuses[i] ?? 200
          if (status === 200) answer.pushSuccessResponse({ status, sent: one as never, body: 'ok' })
          else answer.pushErrorResponse({ status, errormessage: `contact ${i} is refused` })
        }
        return answer
      },
    },
    score: { title: 'Score', fields: fields as NonNullable<ActionDefinition['fields']>, perform: postTo('/scores') },
  },
}

/** The same with OAuth: it sends with a token, and can renew it. */
export const oauthCrm: Definition = {
  ...crm,
  authentication: {
    scheme: 'oauth2',
    fields: {},
    refreshAccessToken: async (request, { auth }) => {
      const { refreshToken, clientId } = auth as Record<string, string>
      const response = await (request as RequestClient)('https://crm.example.com/token', {
        method: 'post',
        json: { refreshToken, clientId },
      })
      const { data } = response as Response & { data: { access: string; refresh: string } }
      return { accessToken: data.access, refreshToken: data.refresh }
    },
  },
  extendRequest: ({ auth }) => ({ headers: { authorization: `Bearer ${(auth as Json)['accessToken'] as string}` } }),
  presets: [],
  actions: {
    contact: {
      ...crm.actions['contact'],
      perform: async (request, { payload }) =>
        (request as RequestClient)('https://crm.example.com/contacts', { method: 'post', json: payload }),
    } as ActionDefinition,
  },
}
