/**
 * Finds the calls of a class of objects.
 *
 * @param prototype of the class
 * @returns their names, with those of the classes that it is made of
 */
export function methodsOf(prototype: object): string[] {
  const names = new Set<string>()
  for (let one = prototype; isOurs(one); one = Object.getPrototypeOf(one) as object)
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(one)))
      if (name !== 'constructor' && typeof value === 'function') names.add(name)
  return [...names]
}

/** False for what the platform itself gives an object. */
const isOurs = (prototype: object): boolean =>
  prototype !== Object.prototype && !/^(DurableObject|WorkerEntrypoint)$/.test(prototype.constructor.name)
