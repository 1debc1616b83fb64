/**
 * What a watermark means for the steps of one machine type: which are closed, how far back closed ones can be
 * re-opened, how far ahead steps may be opened. All machines of the type in a partition share it.
 */
import type { MachineType } from '../domain/machine-type.js';
import { makeStepCalendar, type StepCalendar } from './step-calendar.js';

/** Steps after the present one that readings of a fast clock may open. */
export const stepsAheadMax = 2;

export class TypeClock {
  readonly type: MachineType;
  readonly calendar: StepCalendar;
  readonly sensorIndex: ReadonlyMap<string, number>;
  /** Names of the type's sensors: readings mostly come in this order. */
  readonly sensorNames: readonly string[];
  /** A step has closed if its end is at or before this. */
  #closedBeforeMs = -Infinity;
  #openEndMs = -Infinity;
  #horizonMs = -Infinity;
  #aheadMs = -Infinity;
  #aheadUntilMs = -Infinity;
  #provisionalNumber = -Infinity;

  constructor(type: MachineType) {
    this.type = type;
    this.calendar = makeStepCalendar(type.step);
    this.sensorNames = type.sensors.map((sensor) => sensor.name);
    this.sensorIndex = new Map(this.sensorNames.map((name, index) => [name, index]));
  }

  /** Readings before this are late: start of the oldest closed step that can still be re-opened. */
  get horizonMs(): number {
    return this.#horizonMs;
  }

  /** Readings from this on are too far in the future, as far as the watermark knows. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  /**
   * Moves the clock to a watermark. True if that passed a multiple of `provisionalEveryMs`: provisional steps are
   * due. The watermark never goes back.
   */
  advance(watermarkMs: number): boolean {
    const { graceMs, revisionSteps, provisionalEveryMs } = this.type;
    this.#closedBeforeMs = watermarkMs - graceMs;
    if (this.#closedBeforeMs >= this.#openEndMs) {
      const open = this.calendar.stepAt(this.#closedBeforeMs);
      this.#openEndMs = open.endMs;
      this.#horizonMs = open.startMs;
      for (let steps = 0; steps < revisionSteps; steps++)
        this.#horizonMs = this.calendar.stepAt(this.#horizonMs - 1).startMs;
    }
    if (watermarkMs >= this.#aheadUntilMs) {
      this.#aheadUntilMs = this.calendar.stepAt(watermarkMs).endMs;
      this.#aheadMs = this.aheadOf(watermarkMs);
    }
    if (provisionalEveryMs === undefined) return false;
    const before = this.#provisionalNumber;
    this.#provisionalNumber = Math.floor(watermarkMs / provisionalEveryMs);
    return this.#provisionalNumber > before && before !== -Infinity;
  }

  /** End of the last step that a reading may open when it arrives at `timeMs`. */
  aheadOf(timeMs: number): number {
    let endMs = this.calendar.stepAt(timeMs).endMs;
    for (let steps = 0; steps < stepsAheadMax; steps++) endMs = this.calendar.stepAt(endMs).endMs;
    return endMs;
  }
}
