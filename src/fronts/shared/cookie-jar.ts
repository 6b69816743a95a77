/** Keeps the cookies of one conversation with one server, for as long as it lasts. */
export class CookieJar {
  readonly #cookies = new Map<string, string>()

  /** Takes what an answer sets; what it takes back is forgotten. */
  keep(headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
      const at = pair.indexOf('=')
      if (at < 1) continue
      if (attributes.some((one) => /^max-age=(0|-)/i.test(one))) this.#cookies.delete(pair.slice(0, at))
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
  }

  /** Gives the headers of a request with the cookies, beside those that the config names. */
  addTo(headers: Readonly<Record<string, string>>): Headers {
    const all = new Headers(headers)
    const kept = Array.from(this.#cookies, ([name, value]) => `${name}=${value}`)
    if (kept.length > 0) all.set('cookie', [all.get('cookie') ?? [], kept].flat().join('; '))
    return all
  }
}
