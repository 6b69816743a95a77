interface Ready {
  readonly url: string
  readonly writeKey: string
  readonly adminToken: string
}

/**
 * Says what is served and what to do next, for a person.
 *
 * @param ready where it is served, and its keys
 * @param options `state`, the folder
 * @returns some lines of text
 */
export function banner(ready: Ready, { state }: { readonly state: string }): string {
  const url = ready.url.replace('//127.0.0.1:', '//localhost:')
  return `
  Sluiceway is ready.

  Demo         ${url}/demo
  Events       ${url}/v1/track
  Write key    ${ready.writeKey}
  Admin API    ${url}/admin
  Admin token  ${ready.adminToken}
  State        ${state}

  Try it:
  curl -u ${ready.writeKey}: -H 'content-type: application/json' ${url}/v1/track \\
    -d '{"userId":"ada","event":"Order Completed","properties":{"total":42}}'

  Ctrl-C stops it; nothing that was accepted is lost.

`
}
