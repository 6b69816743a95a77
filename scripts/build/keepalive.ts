/** Bytes under way with `keepalive`: browsers let 64 KiB be, for all requests of a page, and fail what is beyond. */
const most = 60 * 1024

/**
 * Sends what the SDK sends, with `keepalive` where that may be: not where the page has switched it off, nor where more would be
 * under way than browsers allow, https://fetch.spec.whatwg.org/#http-network-or-cache-fetch (checked 2026-11-28). Runs in
 * pages, in whatever browser they have.
 */
const send = `var sluicewaySend=function(){var busy=0;return function(fetch,url,init){
var size=new Blob([init.body]).size;init.keepalive=init.keepalive!==false&&busy+size<=${most};
if(!init.keepalive)return fetch(url,init);
busy+=size;var done=function(){busy-=size},sent=fetch(url,init);sent.then(done,done);return sent}}();`

/** Where the SDK sends events: one by one, and in batches. */
const calls = /\(0,(\w+\.h)\)\((?=[^;{}]*\{credentials:null==)/g
const start = /^!function\(\)\{/

/**
 * Keeps Segment's script from losing events that are larger than browsers let `keepalive` be, and bursts of them: the SDK asks
 * for it for every request or for none.
 *
 * @param script standalone.js of the package
 * @throws when it is not built as expected: what is patched in it must be looked at again
 */
export function limitKeepalive(script: string): string {
  const found = script.match(calls)?.length ?? 0
  if (found !== 2 || !start.test(script))
    throw new Error(`standalone.js of @segment/analytics-next has changed: it sends at ${found} places instead of 2`)
  return script.replace(calls, '(sluicewaySend)($1,').replace(start, (head) => `${head}${send}`)
}
