// `@rs/encrypt/v1` of RudderStack's transformations: RSA with a public key.
export { JSEncrypt, JSEncrypt as default } from 'jsencrypt'
