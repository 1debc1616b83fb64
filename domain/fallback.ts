/** What stands in for a network where that cannot be used or trusted. */
import type { FeatureWindow } from './features.js';

/** What a forecast rests on, best first. */
export const rungs = ['network', 'smoothing', 'age'] as const;
export type Rung = (typeof rungs)[number];
/** Those below the network. */
export type SimpleRung = Exclude<Rung, 'network'>;

/** Why the network is not to be believed about a window, in words, and the best rung that is left. */
export interface Doubt {
  readonly rung: SimpleRung;
  readonly reason: string;
}

/** The simple models of one artifact. Their curves are [H], finite, in [0, 1] and never fall. */
export interface Fallback {
  /** From averages of the window's values and the age. */
  smoothed(window: FeatureWindow): Float32Array;
  /** From the age alone; undefined where it is not known. */
  byAge(window: FeatureWindow): Float32Array | undefined;
  /** Whether the window holds values that training did not know. */
  doubtInputs(window: FeatureWindow): Doubt | undefined;
  /** Whether the network's curve of a window, [H], departs further from that of `smoothed` than validation saw. */
  doubtCurve(curve: Float32Array, smoothed: Float32Array): Doubt | undefined;
}

/** For people, behind "by". */
export const rungWords: Readonly<Record<Rung, string>> = {
  network: 'the network',
  smoothing: 'smoothed readings and the age',
  age: 'the age alone',
};
