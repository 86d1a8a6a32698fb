/** The object on the prototype chain whose own property this is. */
export function findOwner(object: object | null, name: PropertyKey): object | null {
  return !object || Object.hasOwn(object, name)
    ? object
    : findOwner(Object.getPrototypeOf(object) as object | null, name);
}

const isPolluted = (object: object, name: PropertyKey) =>
  findOwner(object, name) === Object.prototype;

/**
 * What is to be read of an object of the user's: all but what a fault elsewhere in the process has
 * put on `Object.prototype`, and so on every object. As long as there is no such thing (what
 * pollutes is assigned, and so it is enumerable), it is the object itself. Of `null`, which is what
 * many say for no options, there is nothing to be read.
 */
export function unpolluted<T extends object>(given: T | null): T {
  if (given === null) return unpolluted({} as T);
  for (const _ in Object.prototype) {
    return new Proxy(given, {
      has: (object, name) => name in object && !isPolluted(object, name),
      // Getters see the object itself, because there may be private state behind them.
      get: (object, name): unknown =>
        isPolluted(object, name) ? undefined : object[name as keyof T],
    });
  }
  return given;
}
