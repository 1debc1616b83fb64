/** Which parameters the network has: recurrent layers, survival head, remaining life as a second task. */
import type { CellName } from './cells/cell.js';
import {
  type Layers,
  type LayersShape,
  layersLayout,
  layersOf,
  type NormalizationName,
} from './cells/layers.js';
import { type DayDecoderShape, dayDecoderLayout } from './day-decoder.js';
import { decoderInputSize } from './decoder.js';
import { dim } from './graph/dims.js';
import type { Tensor } from './graph/graph.js';
import { dayHazardLayout } from './heads/day-hazards.js';
import { hazardLayout } from './heads/hazards.js';
import { remainingLifeLayout } from './heads/remaining-life.js';
import type { ParameterLayout } from './parameters.js';
import { hasDecoder, readsKnownFuture, type TaskName } from './tasks.js';

export interface NetworkShape {
  readonly cell: CellName;
  /** Recurrent layers on top of one another; a decoder has as many again. */
  readonly layers: number;
  readonly normalization: NormalizationName;
  readonly task: TaskName;
  /** Features after preprocessing. */
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly horizonSteps: number;
  readonly remainingLife: boolean;
  /** [H] first biases of the hazards. */
  readonly firstLogits: readonly number[];
  /** Of the task day-decoder: width of its layers; hiddenSize when left out. */
  readonly decoderUnits?: number;
  /** Of the task day-decoder: steps of the visit age (newestVisitAge), and covariates known of each day; 0 when left out. */
  readonly visitAgeSize?: number;
  readonly futureSize?: number;
  /** Of the task day-decoder: causes with a hazard of their own, and values told of the clock of each (causeClocks); 0 when left out. */
  readonly causeCount?: number;
  readonly clockSize?: number;
}

export function networkLayout(shape: NetworkShape): ParameterLayout {
  const hidden = dim('hidden', shape.hiddenSize);
  const horizon = dim('horizon', shape.horizonSteps);
  const perDay = shape.task !== 'dense' && shape.task !== 'many-to-one';
  return [
    ...layersLayout('encoder', shape),
    ...(hasDecoder(shape.task) ? layersLayout('decoder', decoderShape(shape)) : []),
    ...(shape.task === 'day-decoder'
      ? dayDecoderLayout(dayDecoderShape(shape))
      : (perDay ? dayHazardLayout : hazardLayout)(hidden, horizon, shape.firstLogits)),
    ...(shape.remainingLife ? remainingLifeLayout(hidden) : []),
  ];
}

function decoderShape(shape: NetworkShape): LayersShape {
  return { ...shape, inputSize: decoderInputSize(isRecursive(shape.task)) };
}

/** Covariates that the network reads of each day of the horizon. */
export function futureSizeOf({ task, futureSize = 0 }: NetworkShape): number {
  return readsKnownFuture(task) ? futureSize : 0;
}

function dayDecoderShape(shape: NetworkShape): DayDecoderShape {
  const { decoderUnits = shape.hiddenSize, visitAgeSize = 0, causeCount = 0, clockSize = 0 } = shape;
  return { ...shape, decoderUnits, visitAgeSize, futureSize: futureSizeOf(shape), causeCount, clockSize };
}

export function isRecursive(task: TaskName): boolean {
  return task === 'encoder-decoder-recursive';
}

export function encoderOf(shape: NetworkShape, parameters: ReadonlyMap<string, Tensor>): Layers {
  return layersOf('encoder', shape, parameters);
}

export function decoderOf(shape: NetworkShape, parameters: ReadonlyMap<string, Tensor>): Layers {
  return layersOf('decoder', decoderShape(shape), parameters);
}

/**
 * Widths of the dropout masks: one hidden size per recurrent layer, encoder first, lowest first; then the first layer of
 * a day decoder.
 */
export function dropoutWidths(shape: NetworkShape): readonly number[] {
  const recurrent = shape.layers * (hasDecoder(shape.task) ? 2 : 1);
  return [
    ...Array.from({ length: recurrent }, () => shape.hiddenSize),
    ...(shape.task === 'day-decoder' ? [dayDecoderShape(shape).decoderUnits] : []),
  ];
}

/** Columns of the dropout input: all masks side by side. */
export function dropoutWidth(shape: NetworkShape): number {
  return dropoutWidths(shape).reduce((sum, width) => sum + width, 0);
}

/** Such as "LSTM of 64 units", for people. */
export function describeNetwork({ cell, layers, normalization, task, hiddenSize }: NetworkShape): string {
  const stacked = layers === 1 ? '' : `${layers} layers of `;
  const norm = normalization === 'none' ? '' : ' with layer norm';
  const units = `${stacked}${cell.toUpperCase()} of ${hiddenSize} units${norm}`;
  return task === 'dense' ? units : `${units}, ${task}`;
}
