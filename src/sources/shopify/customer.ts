import { isRecord } from '../../core/json.ts'
import { type FieldMapping, mapFields } from '../shared/fields.ts'

/** https://shopify.dev/docs/api/admin-rest/latest/resources/customer (checked 2026-11-25) */
const traitMapping: FieldMapping = [
  ['email', 'email'],
  ['phone', 'phone'],
  ['first_name', 'firstName'],
  ['last_name', 'lastName'],
  ['default_address', 'address'],
  ['addresses', 'addressList'],
  ['accepts_marketing', 'acceptsMarketing'],
  ['accepts_marketing_updated_at', 'acceptsMarketingUpdatedAt'],
  ['marketing_opt_in_level', 'marketingOptInLevel'],
  ['email_marketing_consent', 'emailMarketingConsent'],
  ['sms_marketing_consent', 'smsMarketingConsent'],
  ['admin_graphql_api_id', 'adminGraphqlApiId'],
  ['orders_count', 'orderCount'],
  ['total_spent', 'totalSpent'],
  ['currency', 'currency'],
  ['state', 'state'],
  ['note', 'note'],
  ['tags', 'tags'],
  ['tax_exempt', 'taxExempt'],
  ['tax_exemptions', 'taxExemptions'],
  ['verified_email', 'verifiedEmail'],
]

/** Who a payload is about, as far as Shopify knows. */
export interface Customer {
  /** Shopify's number of the customer, as text. */
  readonly userId?: string
  /** Left out when nothing is known. */
  readonly traits?: Readonly<Record<string, unknown>>
}

/**
 * Reads the customer of a server payload: the payload itself where the topic is about customers, else its `customer`, with
 * the email of the order for a guest.
 */
export function customerOf(topic: string, payload: Readonly<Record<string, unknown>>): Customer {
  const own = topic.startsWith('customers_') ? payload : payload['customer']
  const customer = isRecord(own) ? own : {}
  const traits = mapFields({}, customer, traitMapping)
  mapFields(traits, payload, [[['email', 'contact_email'], 'email']])
  const id = customer['id'] ?? payload['customer_id']
  return {
    ...(typeof id === 'number' || (typeof id === 'string' && id !== '') ? { userId: String(id) } : {}),
    ...(Object.keys(traits).length === 0 ? {} : { traits }),
  }
}
