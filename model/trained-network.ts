/** What training reports while it runs, and leaves behind. */
import type { FeatureSpec, History } from '../domain/features.js';
import type { TrainingConfig } from './config.js';
import type { DataFingerprint } from './data-fingerprint.js';
import type { NetworkShape } from './network.js';
import type { Preprocessing } from './preprocessing.js';
import type { ValidationScore } from './validation.js';
import type { Origin } from './windows.js';

export interface TrainingProgress {
  readonly step: number;
  /** Steps at most. */
  readonly of: number;
  /** Mean over the steps since the last validation. */
  readonly trainLoss: number;
  readonly validationLoss: number;
  readonly bestLoss: number;
  /** Before clipping, mean over the same steps. */
  readonly gradientNorm: number;
  /** The same, parameter by parameter: `encoder.0.recurrent` and so on. */
  readonly parameterNorms: Readonly<Record<string, number>>;
  /** [T] how much the loss of the newest step depends on the inputs of each step, oldest first (GradientProbe). */
  readonly stepNorms?: readonly number[];
  readonly learningRate: number;
  readonly elapsedMs: number;
  /** At the present pace, if it does not stop early. */
  readonly leftMs: number;
}

/** All that training leaves behind. */
export interface TrainedNetwork {
  readonly spec: FeatureSpec;
  readonly preprocessing: Preprocessing;
  readonly shape: NetworkShape;
  readonly config: TrainingConfig;
  readonly seed: number;
  readonly parameters: Float32Array;
  /** Step whose parameters were kept. */
  readonly bestStep: number;
  readonly validation: ValidationScore;
  readonly trainingMachines: readonly string[];
  /** What it learned from. */
  readonly training: readonly History[];
  readonly validationMachines: readonly string[];
  /** What it was judged by, as thinned out as there. */
  readonly keptOrigins: readonly Origin[];
  readonly trainingOriginCount: number;
  readonly validationOriginCount: number;
  /** The last origin that was learned from. */
  readonly trainedUntilMs: number;
  /** All that it was given: what it learned from, and what it was stopped by. */
  readonly data: DataFingerprint;
  readonly trainedMs: number;
  readonly log: readonly TrainingProgress[];
  /** Version that it learned from, and the weight of its labels; undefined: from what came alone. */
  readonly teacher?: { readonly version: string; readonly share: number };
}
