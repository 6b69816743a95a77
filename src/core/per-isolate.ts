/**
 * Makes a function that remembers one value for each key as long as the key lives.
 *
 * A key is an object of the config, of which an isolate has one. The value must be data alone: a request cannot wait for a
 * promise, or use a connection, of another request.
 *
 * @param create makes the value of a key, once in each isolate
 * @returns the value of a key; the same object every time
 */
export function perIsolate<Key extends object, Value extends object>(create: (key: Key) => Value): (key: Key) => Value {
  const values = new WeakMap<Key, Value>()
  return (key) => {
    let value = values.get(key)
    if (value === undefined) values.set(key, (value = create(key)))
    return value
  }
}
