/**
 * A decoder that looks at every day of the horizon by itself: the same small feed-forward network for all days, which
 * reads the encoder's newest state, the newest step's own inputs, how long ago the last maintenance was, which day it is,
 * and what is known of that day beforehand (known-future.ts). It sees today as it is, where a recurrent state blurs it,
 * and one set of weights learns from all days. Source: the local decoder of Wen, Torkkola, Narayanaswamy & Madeka 2017 (MQ-RNN).
 *
 *   u_k = relu(W·[state, newest, visit age, e_k, k/H, 1/k, future_k] + b)     e_k: one-hot
 *   v_k = relu(V·u_k + c)
 *   logit_k = w·v_k + bias of day k                                 (heads/day-hazards.ts)
 *
 * By cause, it looks at every cause on every day: u_kc has in addition which cause it is and how long ago the cause's own
 * maintenance will be on that day, so that causes, too, share what they have in common.
 */
import { cubeDims, type Dim, dim, dimOf, fixedSize, matrixDims } from './graph/dims.js';
import type { Graph, Tensor } from './graph/graph.js';
import { add } from './graph/operators/add.js';
import { affine } from './graph/operators/affine.js';
import { concat } from './graph/operators/concat.js';
import { eachTimes } from './graph/operators/each-times.js';
import { multiply } from './graph/operators/multiply.js';
import { relu } from './graph/operators/relu.js';
import { reshape } from './graph/operators/reshape.js';
import { transpose } from './graph/operators/transpose.js';
import { dayHazardLayout, dayLogits } from './heads/day-hazards.js';
import { type Parameter, type ParameterLayout, parameter } from './parameters.js';

export interface DayDecoderShape {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly horizonSteps: number;
  /** Width of its two layers. */
  readonly decoderUnits: number;
  /** See newestVisitAge. */
  readonly visitAgeSize: number;
  /** Covariates known of each day. */
  readonly futureSize: number;
  /** 0: one hazard of the whole machine. */
  readonly causeCount: number;
  /** Values told of the clock of a cause. */
  readonly clockSize: number;
  readonly firstLogits: readonly number[];
}

/** Inputs that say which day it is: e_k, k/H and 1/k. */
const dayInputCount = (horizonSteps: number) => horizonSteps + 2;
/** Spread of the first values of what a day adds: enough to tell the days apart from the start. */
const dayRowSd = 0.3;

export function dayDecoderLayout(shape: DayDecoderShape): ParameterLayout {
  const { inputSize, visitAgeSize, hiddenSize, horizonSteps, decoderUnits, futureSize } = shape;
  const { causeCount, clockSize } = shape;
  const days = dayInputCount(horizonSteps);
  return [
    matrix('row', dim('row-input', hiddenSize + inputSize + visitAgeSize), unitsDim(decoderUnits)),
    bias('row-bias', unitsDim(decoderUnits)),
    {
      ...matrix('day', dim('day-input', days), unitsDim(decoderUnits)),
      initialize: (rng) => Float64Array.from({ length: days * decoderUnits }, () => dayRowSd * rng.normal()),
    },
    ...(futureSize > 0 ? [matrix('future', dim('future', futureSize), unitsDim(decoderUnits))] : []),
    ...(causeCount > 0
      ? [
          matrix('cause', dim('cause', causeCount), unitsDim(decoderUnits)),
          matrix('clock', dim('clock', clockSize), unitsDim(decoderUnits)),
        ]
      : []),
    matrix('second', unitsDim(decoderUnits), secondDim(decoderUnits)),
    bias('second-bias', secondDim(decoderUnits)),
    ...dayHazardLayout(
      secondDim(decoderUnits),
      dim('horizon', horizonSteps),
      // Rare as failures are, the causes' first hazards add up to the machine's.
      shape.firstLogits.map((logit) => logit - Math.log(Math.max(1, causeCount))),
    ),
  ];
}

const unitsDim = (units: number) => dim('units', units);
const secondDim = (units: number) => dim('second', units);

function matrix(name: string, rows: Dim, columns: Dim): Parameter {
  return {
    name: `day-decoder.${name}`,
    dims: [rows, columns],
    decays: true,
    // Small at first, ±1/√rows (LeCun et al. 1998).
    initialize: (rng) => {
      const [fanIn, width] = [fixedSize('day decoder', rows), fixedSize('day decoder', columns)];
      const bound = 1 / Math.sqrt(fanIn);
      return Float64Array.from({ length: fanIn * width }, () => (2 * rng.uniform() - 1) * bound);
    },
  };
}

function bias(name: string, units: Dim): Parameter {
  return {
    name: `day-decoder.${name}`,
    dims: [units],
    decays: false,
    initialize: () => new Float64Array(fixedSize('day decoder', units)),
  };
}

/** All of it for the same rows of a batch. */
export interface DayDecoderInputs {
  /** [B, ·] each: the encoder's newest state, the inputs of the newest step, and how long ago the last visit was. */
  readonly row: readonly Tensor[];
  /** [B, H, K] what is known of each day, where anything is. */
  readonly future?: Tensor | undefined;
  /** [H, K, B, S] by cause: see causeClocks. */
  readonly clocks?: Tensor | undefined;
}

/**
 * → logits [B, H], or by cause [K, B, H]. `dropout` [B, U]: what the first layer is multiplied by, the same on all days and
 * for all causes.
 */
export function decodeDays(
  { row, future, clocks }: DayDecoderInputs,
  parameters: ReadonlyMap<string, Tensor>,
  horizonSteps: number,
  dropout?: Tensor,
): Tensor {
  const part = (name: string) => parameter(parameters, `day-decoder.${name}`);
  const read = concat(row.map(asRowInput), 'row-input');
  const batch = read.dims[0] as Dim;
  const time = dim('time', horizonSteps);
  const units = dimOf('decodeDays', part('row').dims, 'units');
  const perRow = affine(read, part('row'), part('row-bias'));
  const perDay = affine(whichDay(read.graph, time), part('day'));
  const both = add(
    reshape(perRow, [dim('time', 1), batch, units]),
    reshape(perDay, [time, dim(batch.name, 1), units]),
  );
  const known = future ? add(both, eachTimes(dayByDay(future, time), part('future'))) : both;
  const seen = relu(clocks ? ofEachCause(known, clocks, part('cause'), part('clock')) : known);
  const kept = dropout ? multiply(seen, reshape(dropout, [batch, units])) : seen;
  return dayLogits(relu(add(eachTimes(kept, part('second')), part('second-bias'))), parameters);
}

/** x [H, B, U] of the machine, clocks [H, K, B, S] → [H, K, B, U] */
function ofEachCause(x: Tensor, clocks: Tensor, cause: Tensor, clock: Tensor): Tensor {
  const [time, batch, units] = cubeDims('decodeDays', 'x', x.dims);
  const causes = dimOf('decodeDays', clocks.dims, 'cause');
  const machine = reshape(x, [time, dim(causes.name, 1), batch, units]);
  const which = reshape(cause, [causes, dim(batch.name, 1), units]);
  return add(add(machine, which), eachTimes(clocks, clock));
}

/** [B, ·] as a part of what is read of a row. */
function asRowInput(x: Tensor): Tensor {
  const [batch, columns] = matrixDims('decodeDays', 'row input', x.dims);
  return reshape(x, [batch, dim('row-input', fixedSize('decodeDays', columns))]);
}

/** [H, H + 2], the same for every row. */
function whichDay(graph: Graph, time: Dim): Tensor {
  const days = fixedSize('decodeDays', time);
  const rows = Array.from({ length: days }, (_, index) => [
    ...Array.from({ length: days }, (__, other) => (other === index ? 1 : 0)),
    (index + 1) / days,
    1 / (index + 1),
  ]);
  return graph.constant([time, dim('day-input', dayInputCount(days))], rows.flat());
}

/** [B, H, K] → [H, B, K] */
function dayByDay(future: Tensor, time: Dim): Tensor {
  const [batch, , covariates] = cubeDims('decodeDays', 'future', future.dims);
  const days = { ...future, dims: [batch, time, covariates] };
  return transpose(days, ['time', batch.name, covariates.name]);
}
