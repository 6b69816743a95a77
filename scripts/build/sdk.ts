// The browser SDK as pages load it: one script with all plugins, which takes over the calls that a page has queued.
import { RudderAnalytics } from '@rudderstack/analytics-js/bundled'

Object.assign(globalThis, { rudderanalytics: new RudderAnalytics() })
