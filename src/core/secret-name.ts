/** Names of headers and of parameters of a URL whose values are credentials, whoever declared them. */
export const secretName =
  /auth|cookie|secret|signature|token|password|passwd|credential|session|jwt|(^|[-_])(sig|key|pwd|hmac)$|api-?_?key|access-?_?key|write-?_?key/i
