/** Where RudderStack's script puts the URL of its beacons together: pathname, "/", "beacon", "/", version. */
const place = /(\.pathname,\s*["']\/["'],\s*)["']beacon["']/g

/** Counts the places of a script that `renameBeacon` changes. */
export const beaconPlaces = (script: string): number => script.match(place)?.length ?? 0

/**
 * Lets RudderStack's script send its beacons to another path.
 *
 * @param path `/n` for `/n/v1/batch`, below where the SDK is told that its data plane is
 */
export const renameBeacon = (script: string, path: string): string =>
  script.replace(place, (_, before: string) => `${before}${JSON.stringify(path.slice(1))}`)
