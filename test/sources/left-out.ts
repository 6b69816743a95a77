/**
 * What sources do not put into events, and why: a sentence for each field of a call, by the names of the sources. Fields are
 * patterns, with `*` escaped for members of a list; after ` @ ` may be how the names of the cases begin that need it.
 */
export const leftOut: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  adjust: { 'activity_kind @ a POST': "Adjust's data are in the URL; a body is not Adjust's." },
  auth0: {
    '\\*\\.log_id': 'The entry in `data` has the same id, and counts.',
    '.*strategy': "RudderStack's source leaves it out; the connection, in `traits.connection`, has one strategy.",
    '.*user_(id|name) @ members':
      'The user of such an entry is the administrator; the groups are those of the members.',
  },
  braze: {
    '.*event_type @ events have the names': 'The setting `eventNames` gives the event another name.',
    '.* @ events without': 'Events without a type or any id of a user are passed over, as by RudderStack.',
  },
  canny: { 'object\\.author\\..*': 'A vote is of the voter; who wrote the post is in the events of the post.' },
  customerio: {
    'data\\.identifiers\\.id': 'It is the same as `customer_id`, which counts.',
    'metric @ email spammed': "`spammed` is `Marked as Spam` in the event's name.",
  },
  'facebook-lead-ads-native': {
    object: 'It says that the call is about pages: no other call is taken.',
    'entry\\.\\*\\.id': 'It is the page, which the lead names as `page_id`.',
    '.*\\.field': 'It says that the change is a lead: no other becomes an event.',
    '.*\\.value\\.item': 'A change that is no lead becomes no event.',
    '.*\\.value\\.(leadgen|page|form)_id @ a change': 'A change that does not name lead, page and form is passed over.',
  },
  formsort: { finalized: 'It is the name of the event: `FlowFinalized`, else `FlowLoaded`.' },
  gainsightpx: {
    'account\\.plan': "RudderStack's source takes id, name and two counts of an account into a track.",
    configId: "It is Gainsight's number of the webhook, and the same in every call.",
    'event\\.eventType': 'It is the type of the event (`identify`), or its name (`SegmentIO Cloud Server`).',
    'event\\.propertyKey @ a sign-up': "It is the key of the product, which RudderStack's identify has no place for.",
    'event\\.sessionId': "It is the anonymousId of who is not identified; others have Gainsight's id of the person.",
    'event\\.userType': 'It is the type of the user, who has it among the traits.',
  },
  github: {
    '(.*[._])?url': "Addresses of GitHub's API would push a pull request past the limit of an event.",
    '.*sender\\.node_id': 'The sender is told by the number that stays, the login and the type.',
  },
  intercom: {
    type: 'It says that the call is a notification: all are.',
    'data\\.type': 'It says that the data are those of a notification: all are.',
    'delivery_.*': 'It is about this call, not about what happened.',
    delivered_at: 'It is about this call, not about what happened.',
    first_sent_at: 'It is about this call, not about what happened.',
  },
  mailmodo: {
    recipientEmail: "It is the recipient's address, which is in `context.traits.email`.",
    'recipientData\\.email': "It is the recipient's address, which is in `context.traits.email`.",
    'recordedAt\\.(date|hour|minute)': 'They are the time of `recordedAt.ts` once more.',
  },
  olark: {
    '(data\\.)?visitor\\.kind': 'It says that the visitor is a visitor: all are.',
    '.*visitor\\.browser': 'It is in `context.browser`, as a name and a version.',
    manuallySubmitted: "It decides whether the transcript's id names the event, or it would not count a second time.",
  },
  ortto: {
    'activity\\.field_id @ an activity may': 'The setting `eventNames` gives the event another name.',
    'activity\\.field_id @ a known': "It is the event's name.",
    'contact\\.phone_number\\.[cn]': 'They are one number in `context.traits.phone`.',
    'contact\\.birthday\\.(month|day)': 'They are one date in `context.traits.birthday`.',
  },
  refiner: {
    'attributes\\.email': 'It is the same as `email`, which counts.',
    'account\\.uuid': "It is Refiner's id of an account that is nothing but the person, or that has one of the app's.",
  },
  revenuecat: { api_version: "It is the version of RevenueCat's format, and the same in every call." },
  satismeter: {
    'response\\.user\\.(name|email)': 'It is the same as in `traits`, which count.',
    'response\\.campaign': 'It is the id of `campaign`, which is in the context.',
  },
  shopify: {
    pixelEventLabel: 'It says that the call is one of the pixel.',
    'line_items\\.\\*\\.title': 'A product has the name, which is the title with the variant, as its title.',
    'line_items\\.\\*\\.(id|grams|tax_lines\\..*)':
      'The e-commerce specification has no place for it; orders_paid and others keep it.',
    email: "It is the customer's address, which is in `context.traits.email`.",
    created_at: 'The time of the event is `updated_at`.',
    'note_attributes\\..*': "They are whose cart it is, which is the event's anonymousId and session.",
  },
  slack: {
    'team_id|api_app_id|is_ext_shared_channel':
      "RudderStack's source takes the event out of the envelope that Slack puts around it.",
    type: 'It says that the call is one of the Events API.',
    '(payload\\.)?(token|response_url|trigger_id)': 'Whoever has it could send as Slack, or answer for the app.',
  },
  stripe: {
    object: 'It says that the call is an event: all are.',
    'data\\.object\\.livemode': 'It is the same as that of the event, which counts.',
    pending_webhooks: 'It is about the calls for this event, not about what happened.',
    'request\\.id': 'It is about the request to Stripe that led to the event, and found in its dashboard by the event.',
  },
}
