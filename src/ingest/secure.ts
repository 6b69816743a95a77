/**
 * Says whether the visitor's connection is encrypted: by the URL, or, where a proxy in front of a local server has ended TLS,
 * by the X-Forwarded-Proto that it set.
 */
export const isSecure = (request: Request): boolean =>
  request.url.startsWith('https:') || request.headers.get('x-forwarded-proto') === 'https'
