// `@rs/userAgentParser/v1` of RudderStack's transformations: browser, device and system of a user agent.
export { UAParser, UAParser as default } from 'ua-parser-js'
