/** Crashes on a bug of ours. Never for bad data (a value with a reason) or the world (a typed error). */
export function assert(condition: unknown, expected: string): asserts condition {
  if (!condition) throw new Error(`bug in millwright: expected ${expected}`);
}
