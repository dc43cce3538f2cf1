/** The fields that differ: `runtime, endpoints`. */
export function differences(before: object, after: object): string {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const field = (of: object, name: string) => (of as Record<string, unknown>)[name];
  return Array.from(names)
    .filter((name) => !sameValue(field(before, name), field(after, name)))
    .join(', ');
}

/** Whether two values say the same, whatever the order of their fields. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [definedIn(a), definedIn(b)];
  return (
    left.length === right.length &&
    left.every(([name, value]) => sameValue(value, (b as Record<string, unknown>)[name]))
  );
}

function definedIn(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, each]) => each !== undefined);
}
