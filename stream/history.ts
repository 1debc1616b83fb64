/**
 * Turns the records of `steps` into labelled histories for training and judging: the rows that the windows are
 * made of, and for each the days after it on which the machine failed or is known to have run.
 */
import { assert } from '../domain/assert.js';
import type { History } from '../domain/features.js';
import type { EventRecord, TickRecord } from '../domain/input.js';
import type { MachineDirectory } from '../domain/machine-directory.js';
import type { MachineType } from '../domain/machine-type.js';
import type { StepRecord } from '../domain/step.js';
import { ConfirmedRepairs } from './confirmed-repairs.js';
import { type FeatureWriter, featureSpec, makeFeatureWriter } from './features.js';
import { countSteps, makeStepCalendar, type StepCalendar } from './step-calendar.js';

interface HistoryType {
  readonly type: MachineType;
  readonly calendar: StepCalendar;
  readonly featureCount: number;
  readonly write: FeatureWriter;
}

interface Failure {
  readonly timeMs: number;
  /** What failed, or ''. */
  readonly code: string;
}

/** A life, or stretch of life, as far as it is known. */
interface Stretch {
  readonly machine: string;
  readonly type: HistoryType;
  readonly lifeStartMs: number;
  /** Final steps by ordinal, each in its newest revision. */
  readonly steps: Map<number, StepRecord>;
  readonly failures: Failure[];
  ended: boolean;
}

export class HistoryBuilder {
  readonly #types: ReadonlyMap<string, HistoryType>;
  readonly #directory: MachineDirectory;
  readonly #stretches: Stretch[] = [];
  readonly #newest = new Map<string, Stretch>();
  readonly #repairs = new ConfirmedRepairs();

  constructor(types: ReadonlyMap<string, MachineType>, directory: MachineDirectory) {
    this.#types = new Map(
      [...types].map(([name, type]) => [
        name,
        {
          type,
          calendar: makeStepCalendar(type.step),
          featureCount: featureSpec(type).names.length,
          write: makeFeatureWriter(type),
        },
      ]),
    );
    this.#directory = directory;
  }

  /** Takes the records of `steps` in their order, partition after partition. */
  add(record: StepRecord | EventRecord | TickRecord): void {
    if (record.kind === 'step') this.#step(record);
    else if (record.kind === 'event') this.#event(record);
  }

  /** The histories of one machine type, in the order in which they began; without those that have no step. */
  histories(typeName: string): History[] {
    return this.#stretches
      .filter(({ type }) => type.type.name === typeName)
      .map((stretch) => this.#history(stretch))
      .filter(({ stepCount }) => stepCount > 0);
  }

  #step(step: StepRecord): void {
    const type = this.#types.get(step.type);
    if (!type || !step.final) return;
    let stretch = this.#newest.get(step.machine);
    if (stretch && step.lifeStartMs < stretch.lifeStartMs) return; // of a life that has ended: written twice
    if (!stretch || step.lifeStartMs > stretch.lifeStartMs || (stretch.ended && stretch.steps.size === 0)) {
      const { machine, lifeStartMs } = step;
      stretch = { machine, type, lifeStartMs, steps: new Map(), failures: [], ended: false };
      this.#stretches.push(stretch);
      this.#newest.set(machine, stretch);
    }
    const known = stretch.steps.get(step.stepIndex);
    if (!known || known.revision < step.revision) stretch.steps.set(step.stepIndex, step);
  }

  /** A failure counts for the newest stretch even if that has ended: a silent machine may turn out to have failed. */
  #event(event: EventRecord): void {
    this.#repairs.add(event);
    const stretch = this.#newest.get(event.machine);
    if (!stretch || event.eventTimeMs < stretch.lifeStartMs) return;
    if (event.event === 'failure') stretch.failures.push({ timeMs: event.eventTimeMs, code: event.code });
    if (event.event === 'retired' || (event.event === 'failure' && stretch.type.type.failureEndsLife))
      stretch.ended = true;
  }

  #history({ machine, type, steps, failures }: Stretch): History {
    const endsLife = type.type.failureEndsLife;
    const firstFailureMs = Math.min(...failures.map(({ timeMs }) => timeMs));
    const ordered = [...steps.values()]
      .sort((a, b) => a.stepIndex - b.stepIndex)
      // Where a failure ends a life but is reported late, the steps from the failing one on are no part of it.
      .filter((step) => !endsLife || step.endMs <= firstFailureMs);
    const stepCount = ordered.length;
    const rows = new Float32Array(stepCount * type.featureCount);
    const originsMs = new Float64Array(stepCount);
    ordered.forEach((step, i) => {
      const { site, line } = step;
      const attributes = this.#directory.find(machine, { type: step.type, site, line })?.attributes ?? {};
      const end = type.write(step, attributes, rows, i * type.featureCount);
      assert(end === (i + 1) * type.featureCount, 'as many features as the type has');
      originsMs[i] = step.endMs;
    });
    const repairsMs = this.#repairs.timesOf(
      machine,
      failures.map(({ timeMs }) => timeMs),
      type.type.horizonSteps * type.calendar.nominalMs,
    );
    return { machine, rows, stepCount, originsMs, ...labels(ordered, failures, repairsMs, type) };
  }
}

/** Days from each step's end to the next failure, what fails then, and days known: up to the next of `repairsMs`; see History. */
function labels(
  steps: readonly StepRecord[],
  failures: readonly Failure[],
  repairsMs: readonly number[],
  { type, calendar }: HistoryType,
): Required<Pick<History, 'eventDay' | 'eventCauses' | 'knownDays'>> {
  const horizon = type.horizonSteps;
  const eventDay = new Uint8Array(steps.length);
  const eventCauses = new Uint32Array(steps.length);
  const knownDays = new Uint8Array(steps.length);
  const last = steps.at(-1);
  if (!last) return { eventDay, eventCauses, knownDays };
  const failing = new Map<number, number>(); // causes of the failures that fall in a step
  for (const { timeMs, code } of failures) {
    const index = stepIndexAt(steps, timeMs, calendar);
    const kind = type.maintenanceKinds.indexOf(code);
    failing.set(index, (failing.get(index) ?? 0) | (kind >= 0 && kind < 32 ? 1 << kind : 0));
  }
  const inOrder = [...failing.keys()].sort((a, b) => a - b);
  const repaired = repairsMs.map((timeMs) => stepIndexAt(steps, timeMs, calendar));
  steps.forEach(({ stepIndex }, i) => {
    const next = inOrder.find((index) => index > stepIndex);
    const days = next === undefined ? Infinity : next - stepIndex;
    // The step of the repair itself is not known to the end; a failure in the same step counts.
    const untouched = (repaired.find((index) => index > stepIndex) ?? Infinity) - stepIndex - 1;
    const fails = days <= horizon && untouched >= days - 1;
    eventDay[i] = fails ? days : 0;
    eventCauses[i] = fails ? (failing.get(next as number) as number) : 0;
    knownDays[i] = fails
      ? days
      : Math.min(horizon, days < Infinity ? days : last.stepIndex - stepIndex, untouched);
  });
  return { eventDay, eventCauses, knownDays };
}

/** Ordinal of the step in which a time falls, which may be after the last step known. */
function stepIndexAt(steps: readonly StepRecord[], timeMs: number, calendar: StepCalendar): number {
  const last = steps.at(-1) as StepRecord;
  if (timeMs >= last.endMs) return last.stepIndex + 1 + countSteps(calendar, last.endMs, timeMs);
  return steps.find(({ endMs }) => timeMs < endMs)?.stepIndex ?? last.stepIndex;
}
