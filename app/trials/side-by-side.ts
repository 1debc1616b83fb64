/**
 * Does `work` on every item, `width` at a time, and gives the results in the order of the items. The first failure aborts the
 * others, waits for them, and is thrown.
 */
export async function sideBySide<Item, Result>(
  items: readonly Item[],
  width: number,
  signal: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length);
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      either.throwIfAborted();
      const index = next++;
      results[index] = await work(items[index] as Item, either);
    }
  };
  const lanes = Array.from({ length: Math.min(width, items.length) }, () =>
    lane().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  const ended = await Promise.allSettled(lanes);
  if (failed.signal.aborted) throw failed.signal.reason;
  signal.throwIfAborted();
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
  return results;
}
