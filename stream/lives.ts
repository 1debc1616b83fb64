/**
 * The machines of one partition: their lives, the steps these have open or keep for revision, and what is emitted of
 * them. See step-operator.ts for what a life is; time comes from there.
 */
import { assert } from '../domain/assert.js';
import type { EventRecord, ReadingsRecord } from '../domain/input.js';
import { MachineState, type StepState } from './machine-state.js';
import type { StepOutput } from './step-output.js';
import { makeStepRecord } from './step-record.js';
import { machineKey, stepKey } from './step-state-entries.js';
import type { TypeClock } from './type-clock.js';

export class Lives {
  #machines = new Map<string, MachineState>();
  /** Machines by id; undefined when one came or went. */
  #ordered: MachineState[] | undefined;
  /** Earliest `dueMs` of all machines. */
  #dueMs = Infinity;
  /** Machines with a closed step whose record is out of date. */
  readonly #reopened = new Set<MachineState>();
  /** Machines whose state entries are out of date. */
  readonly dirty = new Set<MachineState>();
  /** Keys of state entries that are no more. */
  readonly removed = new Set<string>();

  get(id: string): MachineState | undefined {
    return this.#machines.get(id);
  }

  restore(machines: Map<string, MachineState>): void {
    this.#machines = machines;
    for (const machine of machines.values()) {
      this.#dueMs = Math.min(this.#dueMs, machine.dueMs);
      if (machine.steps.some((step) => step.closed && step.changed)) this.#reopened.add(machine);
    }
  }

  /** Emits what a watermark makes due, machines in the order of their ids; provisional records for machines of those types. */
  advance(watermarkMs: number, provisional: ReadonlySet<TypeClock>, output: StepOutput): void {
    if (watermarkMs < this.#dueMs && provisional.size === 0) {
      for (const machine of [...this.#reopened].sort(byId)) this.#revise(machine, output);
      return;
    }
    this.#ordered ??= [...this.#machines.values()].sort(byId);
    for (const machine of this.#ordered)
      this.#advance(machine, watermarkMs, provisional.has(machine.clock), output);
    this.#dueMs = Infinity;
    for (const { dueMs } of this.#machines.values()) this.#dueMs = Math.min(this.#dueMs, dueMs);
  }

  /** The machine as known so far. One that comes with another type ends its life as the first. */
  known(
    record: ReadingsRecord | EventRecord,
    clock: TypeClock,
    watermarkMs: number,
    output: StepOutput,
  ): MachineState | undefined {
    const machine = this.#machines.get(record.machine);
    if (!machine) return undefined;
    if (machine.clock !== clock) {
      if (machine.living) this.#retire(machine, `now of type ${clock.type.name}`, watermarkMs, output);
      machine.clock = clock;
      machine.forgetMaintenance();
      this.#bar(machine, machine.notBeforeMs);
    }
    if (machine.site !== record.site || machine.line !== record.line) {
      machine.site = record.site;
      machine.line = record.line;
      machine.dirty = true;
      this.dirty.add(machine);
    }
    return machine;
  }

  add(record: ReadingsRecord | EventRecord, clock: TypeClock): MachineState {
    const machine = new MachineState(record.machine, clock, record.site, record.line);
    this.#machines.set(machine.id, machine);
    this.dirty.add(machine);
    this.#ordered = undefined;
    return machine;
  }

  /** The step of a time that nothing refuses, opened if need be; begins a life, or moves its start back. */
  open(machine: MachineState, timeMs: number): StepState {
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
    this.dirty.add(machine);
    return opened;
  }

  /** A step's contents have changed: its newest record and its state entry are out of date. */
  touch(machine: MachineState, step: StepState): void {
    step.changed = true;
    step.dirty = true;
    if (step.closed) this.#reopened.add(machine);
    this.dirty.add(machine);
  }

  /** Notes an event without effect on the step, if that is kept; false if it was noted. */
  note(machine: MachineState, name: string, timeMs: number): boolean {
    const step = machine.findAt(timeMs);
    if (!step) return true;
    this.dirty.add(machine);
    return step.addEvent(name, timeMs);
  }

  /**
   * Resets an age; false if the event was there. A machine without a life is remembered for it: what was done before it
   * speaks counts in the life that then begins.
   */
  maintain(machine: MachineState, kind: string, timeMs: number): boolean {
    if (!machine.living) {
      if (timeMs < machine.notBeforeMs) return true;
      machine.dueMs = Infinity;
    }
    const noted = machine.noteMaintenance(kind, timeMs);
    this.dirty.add(machine);
    if (noted === 'new') for (const step of machine.steps) if (step.endMs > timeMs) this.touch(machine, step);
    return noted !== 'duplicate';
  }

  /**
   * Ends a machine's life, if the time is in the present one, and keeps stragglers of it out. False if this
   * very event has been seen.
   */
  end(machine: MachineState, name: string, timeMs: number, output: StepOutput): boolean {
    this.dirty.add(machine);
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
    for (const step of machine.steps) this.removed.add(stepKey(machine.id, step.startMs));
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
    this.dirty.add(machine);
  }

  /** Ends the life of a machine that no event ended, and says so downstream. */
  #retire(machine: MachineState, comment: string, watermarkMs: number, output: StepOutput): void {
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
      ingestTimeMs: watermarkMs,
      code: '',
      by: 'millwright',
      comment,
    });
  }

  /** Emits what the watermark makes due for a machine. */
  #advance(machine: MachineState, watermarkMs: number, provisional: boolean, output: StepOutput): void {
    this.#revise(machine, output);
    if (watermarkMs >= machine.dueMs) {
      if (!machine.living) {
        this.#forget(machine);
        return;
      }
      while (machine.living && watermarkMs >= machine.dueMs) {
        this.#close(machine, output);
        if (machine.silentCount >= silentMax(machine))
          this.#retire(machine, `silent for ${machine.silentCount} steps`, watermarkMs, output);
      }
      this.#dropClosedBefore(machine, machine.clock.horizonMs);
    }
    if (!provisional || !machine.living) return;
    const open = machine.find(machine.nextStartMs);
    if (open?.changed && open.startMs <= watermarkMs) this.#emit(machine, open, output);
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
    this.dirty.add(machine);
  }

  #dropClosedBefore(machine: MachineState, horizonMs: number): void {
    for (;;) {
      const step = machine.steps[0];
      if (!step?.closed || step.startMs >= horizonMs) return;
      machine.steps.shift();
      this.removed.add(stepKey(machine.id, step.startMs));
      if (machine.recent === step) machine.recent = undefined;
    }
  }

  #forget(machine: MachineState): void {
    this.#machines.delete(machine.id);
    this.dirty.delete(machine);
    this.removed.add(machineKey(machine.id));
    this.#ordered = undefined;
  }
}

/** Silent steps after which a machine retires: not before its last reading is out of the horizon. */
function silentMax({ clock }: MachineState): number {
  return Math.max(clock.type.retireAfterSteps, clock.type.revisionSteps);
}

function byId(a: MachineState, b: MachineState): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
