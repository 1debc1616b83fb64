/**
 * Turns the records of one partition of `inputs` into steps. Synchronous, reads no clock, writes no log: what it
 * emits follows from the records alone, wherever batches, checkpoints or restarts fall.
 *
 * Time. The watermark is the time of the newest tick. Readings do not move it: a machine with a fast clock would
 * close everyone else's step and turn their readings into late ones. Until the first tick it is the arrival time
 * of the first record. Steps close, re-opened ones are emitted again and provisional ones are emitted at ticks
 * only, machines in the order of their ids; then the tick is passed on. So what a tick says has been done.
 *
 * Lives. A machine's first reading (or error) begins a life; from then on every step of the calendar gives a final
 * record, with coverage 0 if the machine is silent. Until a life has emitted anything an earlier reading within
 * the horizon moves its start back. A failure (where it ends lives), `retired`, and too many silent steps end it:
 * steps that ended before are closed, the step in which it happened gives no final record, and what is open is
 * dropped. Later readings begin a new life; readings up to the newest one seen before are late. A step that both
 * lives touch goes on counting its revisions.
 *
 * Events. Errors count in the step of their event time like readings, and re-open it; maintenance of any age sets
 * the ages (and revises re-openable steps), also of a life that has yet to begin; others are passed on. An event that the kept steps have already seen
 * (same kind, code and time) has no effect and is not passed on.
 */
import type { Buffer } from 'node:buffer';
import { aggregateSize } from '../domain/aggregate-view.js';
import { assert } from '../domain/assert.js';
import type { EventRecord, InputRecord, ReadingsRecord, TickRecord } from '../domain/input.js';
import type { StateEntry } from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import { addReading, valueMagnitudeMax } from './aggregate.js';
import { emptyLedger, type Ledger } from './ledger.js';
import { Lives } from './lives.js';
import { eventName, type MachineState, type StepState } from './machine-state.js';
import { explainRefusal, type Refusal, rejectEvent, rejectReading } from './rejections.js';
import type { StepOutput } from './step-output.js';
import { collectState, restoreState } from './step-state-entries.js';
import { TypeClock } from './type-clock.js';

/** The year 0. Event times before it are no times, and calendars end there. */
const earliestMs = -62_167_219_200_000;

export class StepOperator {
  readonly #clocks: ReadonlyMap<string, TypeClock>;
  readonly #lives = new Lives();
  #nextOffset = 0;
  #watermarkMs = -Infinity;
  #tickMs = -Infinity;
  #accepted = 0;
  #duplicate = 0;
  #late = 0;
  #rejected = 0;
  #eventLedger: Ledger = emptyLedger;

  constructor(types: ReadonlyMap<string, MachineType>) {
    this.#clocks = new Map([...types].map(([name, type]) => [name, new TypeClock(type)]));
  }

  /** Of readings. */
  get ledger(): Ledger {
    return {
      accepted: this.#accepted,
      duplicate: this.#duplicate,
      late: this.#late,
      rejected: this.#rejected,
    };
  }

  get eventLedger(): Ledger {
    return this.#eventLedger;
  }

  get watermarkMs(): number {
    return this.#watermarkMs;
  }

  /** Handles one record. Offsets ascend; one below those already included has no effect. */
  process(record: InputRecord, offset: number, output: StepOutput): void {
    if (offset < this.#nextOffset) return;
    this.#nextOffset = offset + 1;
    switch (record.kind) {
      case 'readings':
        this.#readings(record, offset, output);
        break;
      case 'event':
        this.#countEvent(this.#event(record, output));
        break;
      case 'tick':
        this.#tick(record, output);
        break;
    }
  }

  /** State entries changed since the last call. */
  takeChanges(): StateEntry[] {
    const { ledger, eventLedger } = this;
    const meta = {
      nextOffset: this.#nextOffset,
      watermarkMs: this.#watermarkMs,
      tickMs: this.#tickMs,
      ledger,
      eventLedger,
    };
    const entries = collectState(meta, this.#clocks, this.#lives.removed, this.#lives.dirty);
    this.#lives.removed.clear();
    this.#lives.dirty.clear();
    return entries;
  }

  /** Takes up where the entries were taken, in any order; only before the first record. */
  restore(entries: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    assert(this.#nextOffset === 0, 'restore before the first record');
    const restored = restoreState(entries, this.#clocks);
    for (const key of restored.forgottenKeys) this.#lives.removed.add(key);
    if (!restored.meta) return;
    ({ nextOffset: this.#nextOffset, watermarkMs: this.#watermarkMs, tickMs: this.#tickMs } = restored.meta);
    ({
      accepted: this.#accepted,
      duplicate: this.#duplicate,
      late: this.#late,
      rejected: this.#rejected,
    } = restored.meta.ledger);
    this.#eventLedger = restored.meta.eventLedger;
    for (const clock of this.#clocks.values()) clock.advance(this.#watermarkMs);
    this.#lives.restore(restored.machines);
  }

  #readings(record: ReadingsRecord, offset: number, output: StepOutput): void {
    this.#startAt(record.ingestTimeMs);
    const clock = this.#clocks.get(record.type);
    const { sensors, timesMs, values } = record;
    if (!clock) {
      for (let i = 0; i < sensors.length; i++)
        this.#rejectReading(record, i, 'unknown-machine-type', undefined, output);
      return;
    }
    let machine = this.#lives.known(record, clock, this.#watermarkMs, output);
    let guess = 0;
    for (let i = 0; i < sensors.length; i++) {
      const name = sensors[i] as string;
      // Sensors mostly come in the order of the type, or the same one many times.
      if (clock.sensorNames[guess] !== name) {
        guess = guess + 1 < clock.sensorNames.length ? guess + 1 : 0;
        if (clock.sensorNames[guess] !== name) guess = clock.sensorIndex.get(name) ?? -1;
        if (guess < 0) {
          this.#rejectReading(record, i, 'unknown-sensor', clock, output);
          guess = 0;
          continue;
        }
      }
      const value = (values[i] as number) + 0; // -0 becomes 0: records are JSON, which has no -0.
      if (!(Math.abs(value) <= valueMagnitudeMax)) {
        this.#rejectReading(record, i, 'out-of-range', clock, output);
        continue;
      }
      const timeMs = Math.floor(timesMs[i] as number);
      let step = machine?.recent;
      if (
        machine === undefined ||
        step === undefined ||
        timeMs < step.startMs ||
        timeMs >= step.endMs ||
        timeMs < machine.notBeforeMs
      ) {
        const reason = this.#refusal(machine, clock, timeMs, record.ingestTimeMs);
        if (reason) {
          this.#rejectReading(record, i, reason, clock, output);
          continue;
        }
        machine ??= this.#lives.add(record, clock);
        step = this.#lives.open(machine, timeMs);
      }
      this.#addReading(machine, step, guess, timeMs, value, offset);
    }
  }

  #addReading(
    machine: MachineState,
    step: StepState,
    sensorIndex: number,
    timeMs: number,
    value: number,
    offset: number,
  ): void {
    if (!step.times.add(sensorIndex, timeMs - step.startMs)) {
      this.#duplicate++;
      return;
    }
    this.#accepted++;
    const sensor = machine.clock.type.sensors[sensorIndex];
    const { min, max } = sensor ?? {};
    const outOfRange = (min !== undefined && value < min) || (max !== undefined && value > max);
    addReading(step.aggregates, sensorIndex * aggregateSize, timeMs - step.startMs, value, outOfRange);
    if (step.firstOffset < 0) step.firstOffset = offset;
    step.lastOffset = offset;
    if (step.closed) {
      const closedAfter = machine.closedCount - 1 - step.stepIndex;
      if (machine.silentCount > closedAfter) {
        machine.silentCount = closedAfter;
        machine.dirty = true;
      }
    }
    this.#lives.touch(machine, step);
  }

  #countEvent(end: keyof Ledger): void {
    this.#eventLedger = { ...this.#eventLedger, [end]: this.#eventLedger[end] + 1 };
  }

  /** Returns where the event has ended. */
  #event(record: EventRecord, output: StepOutput): keyof Ledger {
    this.#startAt(record.ingestTimeMs);
    const clock = this.#clocks.get(record.type);
    const timeMs = Math.floor(record.eventTimeMs);
    if (!clock) {
      return this.#rejectEvent(record, 'unknown-machine-type', undefined, output);
    }
    if (!(timeMs >= earliestMs)) {
      return this.#rejectEvent(record, 'bad-time', clock, output);
    }
    if (timeMs >= clock.aheadMs && timeMs >= clock.aheadOf(record.ingestTimeMs)) {
      return this.#rejectEvent(record, 'in-the-future', clock, output);
    }
    const machine = this.#lives.known(record, clock, this.#watermarkMs, output);
    const name = eventName(record.event, record.code, record.alert);
    switch (record.event) {
      case 'error': {
        const reason = clock.type.eventCodes.includes(record.code)
          ? this.#refusal(machine, clock, timeMs, record.ingestTimeMs)
          : 'unknown-event-code';
        if (reason) {
          return this.#rejectEvent(record, reason, clock, output);
        }
        const speaking = machine ?? this.#lives.add(record, clock);
        const step = this.#lives.open(speaking, timeMs);
        if (!step.addEvent(name, timeMs)) return 'duplicate';
        this.#lives.touch(speaking, step);
        break;
      }
      case 'maintenance':
        if (!this.#lives.maintain(machine ?? this.#lives.add(record, clock), record.code, timeMs))
          return 'duplicate';
        break;
      case 'failure':
      case 'retired':
        if (record.event === 'failure' && !clock.type.failureEndsLife) {
          if (machine && !this.#lives.note(machine, name, timeMs)) return 'duplicate';
        } else if (!this.#lives.end(machine ?? this.#lives.add(record, clock), name, timeMs, output))
          return 'duplicate';
        break;
      case 'acknowledge':
      case 'assign':
      case 'comment':
      case 'feedback':
        if (machine && !this.#lives.note(machine, name, timeMs)) return 'duplicate';
        break;
    }
    output.steps.push(record);
    return 'accepted';
  }

  #tick(record: TickRecord, output: StepOutput): void {
    if (record.timeMs <= this.#tickMs) return;
    this.#startAt(record.timeMs);
    this.#tickMs = record.timeMs;
    this.#watermarkMs = Math.max(this.#watermarkMs, record.timeMs);
    const provisional = new Set<TypeClock>();
    for (const clock of this.#clocks.values()) if (clock.advance(this.#watermarkMs)) provisional.add(clock);
    this.#lives.advance(this.#watermarkMs, provisional, output);
    output.steps.push(record);
  }

  /** Why a reading or error of that time cannot be taken; undefined if it can. */
  #refusal(
    machine: MachineState | undefined,
    clock: TypeClock,
    timeMs: number,
    ingestTimeMs: number,
  ): 'late' | 'in-the-future' | undefined {
    if (timeMs >= clock.aheadMs && timeMs >= clock.aheadOf(ingestTimeMs)) return 'in-the-future';
    if (!(timeMs >= clock.horizonMs)) return 'late';
    if (!machine) return undefined;
    if (timeMs < machine.notBeforeMs) return 'late';
    return machine.living && machine.settled && timeMs < machine.lifeStartMs ? 'late' : undefined;
  }

  #rejectReading(
    record: ReadingsRecord,
    index: number,
    reason: Refusal,
    clock: TypeClock | undefined,
    output: StepOutput,
  ): void {
    if (reason === 'late') this.#late++;
    else this.#rejected++;
    const detail = explainRefusal(reason, this.#watermarkMs, clock, this.#lives.get(record.machine));
    output.rejected.push(rejectReading(record, index, reason, detail));
  }

  #rejectEvent(
    record: EventRecord,
    reason: Refusal,
    clock: TypeClock | undefined,
    output: StepOutput,
  ): 'late' | 'rejected' {
    const detail = explainRefusal(reason, this.#watermarkMs, clock, this.#lives.get(record.machine));
    output.rejected.push(rejectEvent(record, reason, detail));
    return reason === 'late' ? 'late' : 'rejected';
  }

  /** Before the first tick the watermark is the arrival time of the first record. */
  #startAt(timeMs: number): void {
    if (this.#watermarkMs !== -Infinity) return;
    this.#watermarkMs = timeMs;
    for (const clock of this.#clocks.values()) clock.advance(timeMs);
  }
}
