/** Many rows through a graph, a block at a time. */
import type { LoadedGraph, TensorValue, TensorValues } from './ports.js';

/** What an LSTM reads and writes for so many windows of 30 steps fits into the processor's cache (docs/benchmarks.md). */
export const blockRows = 64;

/**
 * The same graph, run in blocks of nearly equal size, two rows at least where there are two. For graphs whose inputs and
 * outputs all have the batch in front. All blocks wait at the engine at once, so that it is never idle between them.
 */
export function inBlocks(graph: LoadedGraph): LoadedGraph {
  return {
    async run(feeds) {
      const [rows = 0] = Object.values(feeds)[0]?.dims ?? [];
      const count = Math.ceil(rows / blockRows);
      if (count <= 1) return graph.run(feeds);
      const starts = Array.from({ length: count + 1 }, (_, block) => Math.round((block * rows) / count));
      const results = await Promise.all(
        starts.slice(1).map((end, block) => graph.run(rowsOf(feeds, starts[block] as number, end))),
      );
      return joined(results, rows);
    },
    close: () => graph.close(),
  };
}

function rowsOf(feeds: TensorValues, start: number, end: number): TensorValues {
  const cut = ({ dims, data }: TensorValue): TensorValue => {
    const [rows = 1, ...rest] = dims;
    const width = data.length / rows;
    return { dims: [end - start, ...rest], data: data.subarray(start * width, end * width) };
  };
  return Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, cut(value)]));
}

/** Outputs are float32. */
function joined(results: readonly TensorValues[], rows: number): TensorValues {
  const names = Object.keys(results[0] ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const parts = results.map((values) => values[name] as TensorValue);
      const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
      let at = 0;
      for (const part of parts) {
        data.set(part.data as Float32Array, at);
        at += part.data.length;
      }
      return [name, { dims: [rows, ...(parts[0]?.dims.slice(1) ?? [])], data }];
    }),
  );
}
