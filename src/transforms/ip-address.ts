const four = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/

/** True for the text of an IPv4 or IPv6 address. */
export function isIpAddress(text: string): boolean {
  if (four.test(text)) return true
  if (!text.includes(':') || !/^[0-9a-f:.]+$/i.test(text)) return false
  try {
    return new URL(`http://[${text}]/`).hostname !== ''
  } catch {
    return false
  }
}
