// `@rs/urlParser/v1` of RudderStack's transformations: what the runtime has itself, and RudderStack's has not.
export default { URL, URLSearchParams }
