/** Calibration as nodes behind a model, so that whoever runs the file gets calibrated probabilities. */
import { type Dim, dim, fixedSize, matrixDims } from '../graph/dims.js';
import { Graph, type Tensor } from '../graph/graph.js';
import { continueModel, type ModelFile } from '../graph/model-file.js';
import { add } from '../graph/operators/add.js';
import { divide } from '../graph/operators/divide.js';
import { multiply } from '../graph/operators/multiply.js';
import { sigmoid } from '../graph/operators/sigmoid.js';
import { subtract } from '../graph/operators/subtract.js';
import { clip, runningMaximum, select, total, where } from '../graph/operators/without-gradient.js';
import { padDays } from '../heads/hazards.js';
import type { Calibration, DayCalibrator } from './calibrate.js';
import type { Steps } from './isotonic.js';
import { leastProbability, type Sigmoid } from './sigmoid.js';

/**
 * The model with its output `failureProbabilities` calibrated. A curve still never falls: days that are calibrated
 * differently could cross, so a running maximum follows.
 */
export function calibrateModel(model: ModelFile, { days }: Calibration): ModelFile {
  const graph = new Graph();
  const horizon = dim('horizon', days.length);
  const curve = graph.input('failureProbabilities', [dim('batch', null), horizon]);
  const padded = padDays(curve);
  const [, width] = matrixDims('calibrateModel', 'padded', padded.dims);
  const all = Array.from({ length: fixedSize('calibrateModel', width) }, (_, day) => days[day] ?? null);
  const chosen = graph.constant(
    [width],
    all.map((day) => (day === null ? 0 : 1)),
    'bool',
  );
  const isSteps = (day: DayCalibrator | null): day is Steps => day !== null && 'said' in day;
  const changed = all.some(isSteps)
    ? stepwise(
        padded,
        all.map((day) => (isSteps(day) ? day : { said: [0], came: [0] })),
      )
    : sigmoidal(
        padded,
        all.map((day) => (day === null || isSteps(day) ? { slope: 1, intercept: 0 } : day)),
      );
  const rising = runningMaximum(clip(where(chosen, changed, padded), 0, 1));
  graph.output(
    'failureProbabilities',
    select(
      rising,
      'horizon',
      days.map((_, day) => day),
    ),
  );
  return continueModel(model, graph, 'calibration');
}

/** σ(slope · ln(F / (1 − F)) + intercept); a pair for each day. */
function sigmoidal(curve: Tensor, pairs: readonly Sigmoid[]): Tensor {
  const { graph } = curve;
  const [, horizon] = matrixDims('sigmoidal', 'curve', curve.dims);
  const failed = clip(curve, leastProbability, 1 - leastProbability);
  const odds = divide(failed, subtract(graph.scalar(1), failed));
  const logits = graph.emitOne('Log', [odds], odds.dims);
  const row = (of: (pair: Sigmoid) => number) => graph.constant([horizon], pairs.map(of));
  return sigmoid(
    add(
      multiply(
        logits,
        row(({ slope }) => slope),
      ),
      row(({ intercept }) => intercept),
    ),
  );
}

/** Piecewise linear: the first level, and of every rise as much as has been passed. */
function stepwise(curve: Tensor, days: readonly Steps[]): Tensor {
  const { graph } = curve;
  const [batch, horizon] = matrixDims('stepwise', 'curve', curve.dims);
  const rises = days.map(({ said, came }) =>
    came.slice(1).map((level, index) => ({
      from: said[index]!,
      width: said[index + 1]! - said[index]!,
      by: level - came[index]!,
    })),
  );
  const first = graph.constant(
    [horizon],
    days.map(({ came }) => came[0]!),
  );
  const count = Math.max(1, ...rises.map(({ length }) => length));
  const rise: Dim = dim('rise', count);
  const table = (of: (rise: (typeof rises)[number][number]) => number, empty: number) =>
    graph.constant(
      [horizon, rise],
      rises.flatMap((day) =>
        Array.from({ length: count }, (_, at) => (day[at] === undefined ? empty : of(day[at]))),
      ),
    );
  const deep = graph.emitOne('Unsqueeze', [curve, graph.integers([2])], [batch, horizon, dim('rise', 1)]);
  const passed = clip(
    divide(
      subtract(
        deep,
        table(({ from }) => from, 0),
      ),
      table(({ width }) => width, 1),
    ),
    0,
    1,
  );
  return add(
    total(
      multiply(
        passed,
        table(({ by }) => by, 0),
      ),
      'rise',
    ),
    first,
  );
}
