/**
 * A closed (or, when `final` is false, still open) step of one machine: mergeable aggregates per sensor, events,
 * ages and data quality. Topic `steps`, compacted on (machine, startMs): at once the training history and what
 * forecasts are made from.
 */

/**
 * Readings of one sensor in one step. Welford's count, mean and M2; the same for time, and the co-moment of
 * time and value, so that the slope is `cov / tM2` (per ms). Times are ms since the step's start.
 * All numbers are finite; a sensor without readings has no aggregate (null in `Step.sensors`).
 */
export interface SensorAggregate {
  readonly count: number;
  readonly mean: number;
  readonly m2: number;
  readonly min: number;
  readonly max: number;
  readonly firstOffsetMs: number;
  readonly first: number;
  readonly lastOffsetMs: number;
  readonly last: number;
  readonly timeMean: number;
  readonly timeM2: number;
  readonly timeValueM: number;
  /** Readings outside the sensor's physical range (only where outOfRange is "flag"). */
  readonly outOfRangeCount: number;
}

export interface StepRecord {
  readonly kind: 'step';
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
  /** [startMs, endMs) */
  readonly startMs: number;
  readonly endMs: number;
  /** Ordinal of the step in the machine's present life, from 0. */
  readonly stepIndex: number;
  /** Start of the first step of the present life. */
  readonly lifeStartMs: number;
  /** 0 for the first record of this step, then counting up: provisional, final, re-opened by late data. */
  readonly revision: number;
  /** False: the step is still open, the record is provisional. */
  readonly final: boolean;
  /** In the order of the machine type's sensors; null without a reading. */
  readonly sensors: readonly (SensorAggregate | null)[];
  /** Events per code, in the order of the machine type's eventCodes. */
  readonly eventCounts: readonly number[];
  /** Steps since each maintenance kind at the end of this step; null if it never happened. */
  readonly maintenanceAges: readonly (number | null)[];
  /** Per sensor in [0, 1]: readings received over expectedPerStep. */
  readonly coverage: readonly number[];
  /** Per sensor: all readings equal (see stuckAfter). */
  readonly stuck: readonly boolean[];
  /** First and last offset of topic `inputs` whose readings are in the step; -1 without any. */
  readonly firstOffset: number;
  readonly lastOffset: number;
}

/** Mean coverage over the sensors. */
export function stepCoverage(step: StepRecord): number {
  let sum = 0;
  for (const value of step.coverage) sum += value;
  return step.coverage.length === 0 ? 0 : sum / step.coverage.length;
}
