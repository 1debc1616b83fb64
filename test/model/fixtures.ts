/** Small histories with wear in them, and a network on them, for tests. */
import type { FeatureSpec, FeatureWindow, History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { type NetworkShape, networkLayout } from '../../model/network.js';
import { buildForecast } from '../../model/network-graph.js';
import { initializeParameters } from '../../model/parameters.js';
import { fitPreprocessing, inputSize, type Preprocessing } from '../../model/preprocessing.js';

export const smallSpec: FeatureSpec = {
  machineType: 'pump',
  names: [
    'speed.mean',
    'vibration.mean',
    'temperature.mean',
    'constant.mean',
    'event.E1',
    'since.oil',
    'age',
  ],
  units: ['rpm', 'mm/s', 'degC', 'bar', '', '', ''],
  settingColumns: [0],
  windowSteps: 6,
  contextSteps: 10,
  horizonSteps: 5,
};

const dayMs = 86_400_000;

/** Lives of 12 to 40 steps that end in a failure; vibration grows, some values are missing, two speeds. */
export function smallHistories(count: number, seed = 1): History[] {
  const rng = new Rng(seed);
  const width = smallSpec.names.length;
  const { horizonSteps } = smallSpec;
  return Array.from({ length: count }, (_, index) => {
    const stepCount = 12 + rng.int(29);
    const rows = new Float32Array(stepCount * width);
    for (let step = 0; step < stepCount; step++) {
      const fast = rng.uniform() < 0.5;
      const wear = Math.exp((step - stepCount) / 8);
      rows.set(
        [
          (fast ? 3000 : 1500) + rng.normal(),
          (fast ? 4 : 2) + 3 * wear + 0.2 * rng.normal(),
          rng.uniform() < 0.1 ? NaN : (fast ? 70 : 50) + 10 * wear + rng.normal(),
          5,
          rng.uniform() < 0.1 + 0.5 * wear ? 1 : 0,
          step % 9,
          step,
        ],
        step * width,
      );
    }
    const left = (step: number) => stepCount - 1 - step;
    return {
      machine: `pump-${index}`,
      rows,
      stepCount,
      originsMs: Float64Array.from({ length: stepCount }, (_step, step) => (step + 1) * dayMs),
      eventDay: Uint8Array.from({ length: stepCount }, (_step, step) =>
        left(step) >= 1 && left(step) <= horizonSteps ? left(step) : 0,
      ),
      knownDays: Uint8Array.from({ length: stepCount }, (_step, step) => Math.min(left(step), horizonSteps)),
    };
  });
}

/** The window that ends at `step`, as the live stages make it. */
export function windowAt(history: History, step: number, spec: FeatureSpec = smallSpec): FeatureWindow {
  const width = spec.names.length;
  const count = Math.min(step + 1, spec.contextSteps);
  const rows = new Float32Array(spec.contextSteps * width).fill(NaN);
  rows.set(
    history.rows.subarray((step + 1 - count) * width, (step + 1) * width),
    (spec.contextSteps - count) * width,
  );
  return { rows, stepCount: count };
}

export function smallPreprocessing(
  histories: readonly History[],
  spec: FeatureSpec = smallSpec,
): Preprocessing {
  return fitPreprocessing(spec, histories, { smoothingAlphas: [0.3, 0.1], clipSds: 6 }, new Rng(3));
}

export function smallShape(preprocessing: Preprocessing, hiddenSize = 8): NetworkShape {
  return {
    inputSize: inputSize(preprocessing),
    hiddenSize,
    horizonSteps: preprocessing.spec.horizonSteps,
    remainingLife: false,
    firstLogits: Array.from({ length: preprocessing.spec.horizonSteps }, () => -2),
  };
}

/** Serving graph of a network with random weights; `scale` makes them wild. */
export function randomForecast(preprocessing: Preprocessing, seed: number, scale = 1): Uint8Array {
  const shape = smallShape(preprocessing);
  const rng = new Rng(seed);
  const parameters = initializeParameters(networkLayout(shape), rng).map(
    (value) => scale * (value + rng.normal()),
  );
  return buildForecast(shape, preprocessing, parameters, {});
}
