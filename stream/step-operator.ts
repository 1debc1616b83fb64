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
import { assert } from '../domain/assert.js';
import type {
  EventRecord,
  InputRecord,
  ReadingsRecord,
  RejectedRecord,
  TickRecord,
} from '../domain/input.js';
import type { StateEntry } from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import type { StepRecord } from '../domain/step.js';
import { addReading, aggregateSize, valueMagnitudeMax } from './aggregate.js';
import { emptyLedger, type Ledger } from './ledger.js';
import { eventName, MachineState, type StepState } from './machine-state.js';
import { explainRefusal, type Refusal, rejectEvent, rejectReading } from './rejections.js';
import { makeStepRecord } from './step-record.js';
import { collectState, machineKey, restoreState, stepKey } from './step-state-entries.js';
import { TypeClock } from './type-clock.js';

/** The year 0. Event times before it are no times, and calendars end there. */
const earliestMs = -62_167_219_200_000;

/** Where the operator puts what it emits, in order. */
export interface StepOutput {
  readonly steps: (StepRecord | EventRecord | TickRecord)[];
  readonly rejected: RejectedRecord[];
}

export class StepOperator {
  readonly #clocks: ReadonlyMap<string, TypeClock>;
  #machines = new Map<string, MachineState>();
  #nextOffset = 0;
  #watermarkMs = -Infinity;
  #tickMs = -Infinity;
  #accepted = 0;
  #duplicate = 0;
  #late = 0;
  #rejected = 0;
  #eventLedger: Ledger = emptyLedger;
  /** Machines by id; undefined when one came or went. */
  #ordered: MachineState[] | undefined;
  /** Earliest `dueMs` of all machines. */
  #dueMs = Infinity;
  /** Machines with a closed step whose record is out of date. */
  readonly #reopened = new Set<MachineState>();
  readonly #dirty = new Set<MachineState>();
  /** Keys of state entries that are no more. */
  readonly #removed = new Set<string>();

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
    const entries = collectState(meta, this.#clocks, this.#removed, this.#dirty);
    this.#removed.clear();
    this.#dirty.clear();
    return entries;
  }

  /** Takes up where the entries were taken, in any order; only before the first record. */
  restore(entries: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    assert(this.#nextOffset === 0, 'restore before the first record');
    const restored = restoreState(entries, this.#clocks);
    for (const key of restored.forgottenKeys) this.#removed.add(key);
    if (!restored.meta) return;
    ({ nextOffset: this.#nextOffset, watermarkMs: this.#watermarkMs, tickMs: this.#tickMs } = restored.meta);
    ({
      accepted: this.#accepted,
      duplicate: this.#duplicate,
      late: this.#late,
      rejected: this.#rejected,
    } = restored.meta.ledger);
    this.#eventLedger = restored.meta.eventLedger;
    this.#machines = restored.machines;
    for (const clock of this.#clocks.values()) clock.advance(this.#watermarkMs);
    for (const machine of this.#machines.values()) {
      this.#dueMs = Math.min(this.#dueMs, machine.dueMs);
      if (machine.steps.some((step) => step.closed && step.changed)) this.#reopened.add(machine);
    }
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
    let machine = this.#known(record, clock, output);
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
        machine ??= this.#add(record, clock);
        step = this.#open(machine, timeMs);
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
    this.#touch(machine, step);
  }

  /** A step's contents have changed: its newest record and its state entry are out of date. */
  #touch(machine: MachineState, step: StepState): void {
    step.changed = true;
    step.dirty = true;
    if (step.closed) this.#reopened.add(machine);
    this.#dirty.add(machine);
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
    const machine = this.#known(record, clock, output);
    const name = eventName(record.event, record.code);
    switch (record.event) {
      case 'error': {
        const reason = clock.type.eventCodes.includes(record.code)
          ? this.#refusal(machine, clock, timeMs, record.ingestTimeMs)
          : 'unknown-event-code';
        if (reason) {
          return this.#rejectEvent(record, reason, clock, output);
        }
        const speaking = machine ?? this.#add(record, clock);
        const step = this.#open(speaking, timeMs);
        if (!step.addEvent(name, timeMs)) return 'duplicate';
        this.#touch(speaking, step);
        break;
      }
      case 'maintenance':
        if (!this.#maintain(machine ?? this.#add(record, clock), record.code, timeMs)) return 'duplicate';
        break;
      case 'failure':
      case 'retired':
        if (record.event === 'failure' && !clock.type.failureEndsLife) {
          if (machine && !this.#note(machine, name, timeMs)) return 'duplicate';
        } else if (!this.#end(machine ?? this.#add(record, clock), name, timeMs, output)) return 'duplicate';
        break;
      case 'acknowledge':
      case 'feedback':
        if (machine && !this.#note(machine, name, timeMs)) return 'duplicate';
        break;
    }
    output.steps.push(record);
    return 'accepted';
  }

  /** Notes an event without effect on the step, if that is kept; false if it was noted. */
  #note(machine: MachineState, name: string, timeMs: number): boolean {
    const step = machine.findAt(timeMs);
    if (!step) return true;
    this.#dirty.add(machine);
    return step.addEvent(name, timeMs);
  }

  /**
   * Resets an age; false if the event was there. A machine without a life is remembered for it: what was done before it
   * speaks counts in the life that then begins.
   */
  #maintain(machine: MachineState, kind: string, timeMs: number): boolean {
    if (!machine.living) {
      if (timeMs < machine.notBeforeMs) return true;
      machine.dueMs = Infinity;
    }
    const noted = machine.noteMaintenance(kind, timeMs);
    this.#dirty.add(machine);
    if (noted === 'new')
      for (const step of machine.steps) if (step.endMs > timeMs) this.#touch(machine, step);
    return noted !== 'duplicate';
  }

  /**
   * Ends a machine's life, if the time is in the present one, and keeps stragglers of it out. False if this
   * very event has been seen.
   */
  #end(machine: MachineState, name: string, timeMs: number, output: StepOutput): boolean {
    this.#dirty.add(machine);
    if (!machine.noteEnding(name, timeMs)) return false;
    if (machine.living && timeMs >= machine.lifeStartMs && timeMs >= machine.notBeforeMs) {
      this.#revise(machine, output);
      const { calendar } = machine.clock;
      while (calendar.stepAt(machine.nextStartMs).endMs <= timeMs && machine.silentCount < silentMax(machine))
        this.#close(machine, output);
      this.#drop(machine, timeMs);
    } else if (!machine.living) {
      machine.forgetMaintenance();
      this.#bar(machine, timeMs + 1);
    }
    return true;
  }

  /** Takes a life's steps away; nothing up to `endMs` or to its newest reading can come back to it. */
  #drop(machine: MachineState, endMs: number): void {
    const { horizonMs } = machine.clock;
    const open = machine.steps.filter((step) => !step.closed);
    const newestMs = Math.max(endMs, ...open.map((step) => step.newestReadingMs()));
    machine.cutSteps = [
      ...open.filter(({ issuedCount }) => issuedCount > 0),
      ...machine.cutSteps.filter(({ startMs }) => startMs >= horizonMs),
    ].map(({ startMs, issuedCount }) => ({ startMs, issuedCount }));
    for (const step of machine.steps) this.#removed.add(stepKey(machine.id, step.startMs));
    machine.steps.length = 0;
    machine.recent = undefined;
    machine.living = false;
    machine.forgetMaintenance();
    this.#reopened.delete(machine);
    this.#bar(machine, Math.max(newestMs + 1, machine.nextStartMs));
  }

  /** Keeps readings before a time out of a machine without a life, for as long as they would not be late anyway. */
  #bar(machine: MachineState, beforeMs: number): void {
    const { calendar, type } = machine.clock;
    machine.notBeforeMs = Math.max(machine.notBeforeMs, beforeMs);
    let { endMs } = calendar.stepAt(machine.notBeforeMs);
    for (let steps = 0; steps < type.revisionSteps; steps++) endMs = calendar.stepAt(endMs).endMs;
    machine.dueMs = endMs + type.graceMs;
    machine.dirty = true;
    this.#dueMs = Math.min(this.#dueMs, machine.dueMs);
    this.#dirty.add(machine);
  }

  /** Ends the life of a machine that no event ended, and says so downstream. */
  #retire(machine: MachineState, comment: string, output: StepOutput): void {
    const endMs = machine.nextStartMs;
    this.#revise(machine, output);
    this.#drop(machine, endMs - 1);
    output.steps.push({
      kind: 'event',
      event: 'retired',
      machine: machine.id,
      type: machine.clock.type.name,
      site: machine.site,
      line: machine.line,
      eventTimeMs: endMs,
      ingestTimeMs: this.#watermarkMs,
      code: '',
      by: 'millwright',
      comment,
    });
  }

  #tick(record: TickRecord, output: StepOutput): void {
    if (record.timeMs <= this.#tickMs) return;
    this.#startAt(record.timeMs);
    this.#tickMs = record.timeMs;
    this.#watermarkMs = Math.max(this.#watermarkMs, record.timeMs);
    const provisional = new Set<TypeClock>();
    for (const clock of this.#clocks.values()) if (clock.advance(this.#watermarkMs)) provisional.add(clock);
    if (this.#watermarkMs >= this.#dueMs || provisional.size > 0) {
      this.#ordered ??= [...this.#machines.values()].sort(byId);
      for (const machine of this.#ordered) this.#advance(machine, provisional.has(machine.clock), output);
      this.#dueMs = Infinity;
      for (const { dueMs } of this.#machines.values()) this.#dueMs = Math.min(this.#dueMs, dueMs);
    } else {
      for (const machine of [...this.#reopened].sort(byId)) this.#revise(machine, output);
    }
    output.steps.push(record);
  }

  /** Emits what the watermark makes due for a machine. */
  #advance(machine: MachineState, provisional: boolean, output: StepOutput): void {
    this.#revise(machine, output);
    if (this.#watermarkMs >= machine.dueMs) {
      if (!machine.living) {
        this.#forget(machine);
        return;
      }
      while (machine.living && this.#watermarkMs >= machine.dueMs) {
        this.#close(machine, output);
        if (machine.silentCount >= silentMax(machine))
          this.#retire(machine, `silent for ${machine.silentCount} steps`, output);
      }
      this.#dropClosedBefore(machine, machine.clock.horizonMs);
    }
    if (!provisional || !machine.living) return;
    const open = machine.find(machine.nextStartMs);
    if (open?.changed && open.startMs <= this.#watermarkMs) this.#emit(machine, open, output);
  }

  /** Emits re-opened steps with their next revision. */
  #revise(machine: MachineState, output: StepOutput): void {
    if (!this.#reopened.delete(machine)) return;
    for (const step of machine.steps) if (step.closed && step.changed) this.#emit(machine, step, output);
  }

  /** Closes the first open step, empty if nothing is in it. */
  #close(machine: MachineState, output: StepOutput): void {
    const { calendar, type } = machine.clock;
    const next = calendar.stepAt(machine.nextStartMs);
    const step = machine.open(next);
    step.stepIndex = machine.closedCount++;
    machine.nextStartMs = next.endMs;
    machine.dueMs = calendar.stepAt(next.endMs).endMs + type.graceMs;
    machine.silentCount = step.lastOffset < 0 ? machine.silentCount + 1 : 0;
    machine.dirty = true;
    this.#emit(machine, step, output);
  }

  /** A closed step gives a final record, an open one (it must be the first open step) a provisional one. */
  #emit(machine: MachineState, step: StepState, output: StepOutput): void {
    const stepIndex = step.closed ? step.stepIndex : machine.closedCount;
    output.steps.push(makeStepRecord(machine, step, stepIndex, step.closed));
    step.issuedCount++;
    step.changed = false;
    step.dirty = true;
    if (!machine.settled) {
      machine.settled = true;
      machine.dirty = true;
    }
    this.#dirty.add(machine);
  }

  #dropClosedBefore(machine: MachineState, horizonMs: number): void {
    for (;;) {
      const step = machine.steps[0];
      if (!step?.closed || step.startMs >= horizonMs) return;
      machine.steps.shift();
      this.#removed.add(stepKey(machine.id, step.startMs));
      if (machine.recent === step) machine.recent = undefined;
    }
  }

  #forget(machine: MachineState): void {
    this.#machines.delete(machine.id);
    this.#dirty.delete(machine);
    this.#removed.add(machineKey(machine.id));
    this.#ordered = undefined;
  }

  /** The machine as known so far. One that comes with another type ends its life as the first. */
  #known(
    record: ReadingsRecord | EventRecord,
    clock: TypeClock,
    output: StepOutput,
  ): MachineState | undefined {
    const machine = this.#machines.get(record.machine);
    if (!machine) return undefined;
    if (machine.clock !== clock) {
      if (machine.living) this.#retire(machine, `now of type ${clock.type.name}`, output);
      machine.clock = clock;
      machine.forgetMaintenance();
      this.#bar(machine, machine.notBeforeMs);
    }
    if (machine.site !== record.site || machine.line !== record.line) {
      machine.site = record.site;
      machine.line = record.line;
      machine.dirty = true;
      this.#dirty.add(machine);
    }
    return machine;
  }

  #add(record: ReadingsRecord | EventRecord, clock: TypeClock): MachineState {
    const machine = new MachineState(record.machine, clock, record.site, record.line);
    this.#machines.set(machine.id, machine);
    this.#dirty.add(machine);
    this.#ordered = undefined;
    return machine;
  }

  /** The step of a time that nothing refuses, opened if need be; begins a life, or moves its start back. */
  #open(machine: MachineState, timeMs: number): StepState {
    const step = machine.clock.calendar.stepAt(timeMs);
    if (!machine.living) machine.begin(step);
    else if (step.startMs < machine.lifeStartMs) machine.beginAt(step);
    this.#dueMs = Math.min(this.#dueMs, machine.dueMs);
    const opened = machine.open(step);
    assert(
      opened.closed || opened.startMs >= machine.nextStartMs,
      'closed steps within the horizon to be kept',
    );
    machine.recent = opened;
    this.#dirty.add(machine);
    return opened;
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
    const detail = explainRefusal(reason, this.#watermarkMs, clock, this.#machines.get(record.machine));
    output.rejected.push(rejectReading(record, index, reason, detail));
  }

  #rejectEvent(
    record: EventRecord,
    reason: Refusal,
    clock: TypeClock | undefined,
    output: StepOutput,
  ): 'late' | 'rejected' {
    const detail = explainRefusal(reason, this.#watermarkMs, clock, this.#machines.get(record.machine));
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

/** Silent steps after which a machine retires: not before its last reading is out of the horizon. */
function silentMax({ clock }: MachineState): number {
  return Math.max(clock.type.retireAfterSteps, clock.type.revisionSteps);
}

function byId(a: MachineState, b: MachineState): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
