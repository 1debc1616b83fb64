/** Says why a loss is no longer finite: which tensor came first, and what to try. */
import { UserError } from '../domain/errors.js';
import type { Probed } from './gradient-probe.js';
import { sizeOf } from './graph/dims.js';
import type { ParameterLayout } from './parameters.js';
import type { TrainingProgress } from './trained-network.js';

/** A training that has to stop, told to whoever chose its settings. */
export class Diverged extends UserError {}

export interface Divergence {
  /** From 1. */
  readonly step: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Before the step. */
  readonly parameters: Float32Array;
  readonly layout: ParameterLayout;
  /** The same step looked at again, without dropout. */
  readonly probed: Probed;
  readonly log: readonly TrainingProgress[];
}

export function diverged(scene: Divergence): Diverged {
  const { step, loss, gradientNorm, learningRate, log } = scene;
  const last = log.at(-1);
  const before =
    last === undefined
      ? 'It was the first stretch of training'
      : `The mean loss was ${last.trainLoss.toPrecision(3)} and the gradient norm ${last.gradientNorm.toPrecision(3)} up to step ${last.step}`;
  const { what, advice } = findFirst(scene);
  return new Diverged(
    `Training stopped at step ${step}: the loss is ${loss} and the gradient norm ${gradientNorm} (learning rate ${learningRate.toPrecision(3)}). ${what} ${before}. ${advice}`,
  );
}

const isBad = (value: number) => !Number.isFinite(value);

/** Weights start at about 1; what is this large has run away. */
const runaway = 1e3;

function findFirst(scene: Divergence): { readonly what: string; readonly advice: string } {
  const { parameters, layout, probed } = scene;
  const ranAway = partsOf(parameters, layout).filter(({ values }) =>
    values.some((value) => !(Math.abs(value) < runaway)),
  );
  if (ranAway.length > 0) {
    const sizes = ranAway.map(({ name, values }) => `${name} (${largest(values).toPrecision(2)})`);
    return {
      what: `The weights had run away before: ${sizes.join(', ')}.`,
      advice: 'Lower `learningRate`, or lengthen `warmUpShare`.',
    };
  }
  if (probed.logits.some(isBad))
    return {
      what: 'First to go was the output of the network (its logits), while all weights were finite.',
      advice: 'Lower `learningRate` or `clipNorm`, and look for features with extreme values.',
    };
  const gradients = partsOf(probed.gradient, layout).filter(({ values }) => values.some(isBad));
  if (gradients.length > 0)
    return {
      what: `First to go was the gradient, of ${gradients.map(({ name }) => name).join(', ')}; the loss and all weights were finite: it grew on its way back through time.`,
      advice:
        'Lower `learningRate` or `clipNorm`, shorten the window, or set `normalization: layer`; `cell: lstm` suffers least.',
    };
  return {
    what: 'The same step is finite without dropout.',
    advice: 'Lower `learningRate`, `clipNorm` or `dropout`.',
  };
}

function partsOf(flat: Float32Array, layout: ParameterLayout) {
  let offset = 0;
  return layout.map(({ name, dims }) => {
    const from = offset;
    offset += sizeOf(name, dims);
    return { name, values: flat.subarray(from, offset) };
  });
}

/** NaN where there is one. */
function largest(values: Float32Array): number {
  return values.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
}
