/**
 * The training step on one engine, or with every batch divided between several. Divided, each engine takes the gradient
 * of its part's loss, and the first one takes their mean and makes the step (as PyTorch's DistributedDataParallel does).
 * The same number of engines gives the same bits; another number other last digits, and, where parts differ in how much
 * of their future is known, a slightly different weight of each row.
 */
import type { NetworkShape } from './network.js';
import {
  buildJoiningStep,
  buildPartialStep,
  buildTrainingStep,
  type TrainingStepOptions,
} from './network-graph.js';
import { type Engine, type LoadedGraph, outputOf, type TensorValue } from './ports.js';
import type { Preprocessing } from './preprocessing.js';

type StepState = Readonly<Record<'parameters' | 'moment1' | 'moment2' | 'schedule', TensorValue>>;

/** Something with the inputs and outputs of buildTrainingStep. No engine gets a part without windows. */
export async function loadTrainingStep(
  engines: readonly [Engine, ...Engine[]],
  shape: NetworkShape,
  preprocessing: Preprocessing,
  options: TrainingStepOptions,
): Promise<LoadedGraph> {
  const { batchSize } = options;
  const count = Math.min(engines.length, batchSize);
  const [first] = engines;
  if (count === 1) return first.load(buildTrainingStep(shape, preprocessing, options));
  const starts = Array.from({ length: count + 1 }, (_, part) => Math.round((part * batchSize) / count));
  const sizes = starts.slice(1).map((end, part) => end - (starts[part] as number));
  const parts = await Promise.all(
    sizes.map((size, part) =>
      (engines[part] as Engine).load(buildPartialStep(shape, preprocessing, { ...options, batchSize: size })),
    ),
  );
  const shares = sizes.map((size) => size / batchSize);
  const joining = await first.load(buildJoiningStep(shape, shares, options));

  return {
    async run(feeds) {
      const { parameters, moment1, moment2, schedule, ...batch } = feeds as typeof feeds & StepState;
      const given = await Promise.all(
        parts.map((part, index) =>
          part.run({
            // A run takes over what it is fed.
            parameters: { dims: parameters.dims, data: parameters.data.slice() },
            ...Object.fromEntries(
              Object.entries(batch).map(([name, value]) => [
                name,
                rowsOf(value, batchSize, starts[index] as number, sizes[index] as number),
              ]),
            ),
          }),
        ),
      );
      const parted = given.flatMap((values, index) => [
        [`gradient${index}`, outputOf(values, 'partGradient')] as const,
        [`loss${index}`, outputOf(values, 'partLoss')] as const,
        [`hazardLoss${index}`, outputOf(values, 'partHazardLoss')] as const,
      ]);
      return joining.run({ parameters, moment1, moment2, schedule, ...Object.fromEntries(parted) });
    },
    async close() {
      for (const graph of [...parts, joining]) await graph.close();
    },
  };
}

/** Rows `start` to `start + size` of every `batchSize` rows: [B, ...] or, time-major, [T·B, ...]. Floats. */
function rowsOf({ dims, data }: TensorValue, batchSize: number, start: number, size: number): TensorValue {
  const [rows = 0, ...rest] = dims;
  const width = data.length / rows;
  const steps = rows / batchSize;
  const part = new Float32Array(steps * size * width);
  for (let step = 0; step < steps; step++) {
    const from = (step * batchSize + start) * width;
    part.set((data as Float32Array).subarray(from, from + size * width), step * size * width);
  }
  return { dims: [steps * size, ...rest], data: part };
}
