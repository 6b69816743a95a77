import { existsSync, readFileSync } from 'node:fs'

/** The network, as the fetch of a Worker reaches it, but without the Worker that Miniflare puts in between. */
export const outbound = () => {
  const extra = process.env['NODE_EXTRA_CA_CERTS']
  const trusted = extra !== undefined && existsSync(extra) ? readFileSync(extra, 'utf8') : ''
  const trustedCertificates = [...(trusted.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g) ?? [])]
  return {
    network: {
      allow: ['public', 'private', '240.0.0.0/4'],
      deny: [],
      tlsOptions: { trustBrowserCas: true, trustedCertificates },
    },
  }
}
