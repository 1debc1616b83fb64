/**
 * What the step operator keeps of one machine: a header, and the steps that are open or can be re-opened. The
 * header and each step are a state entry of their own, so that a checkpoint writes only what has changed.
 */
import type { Buffer } from 'node:buffer';
import { aggregateSize } from '../domain/aggregate-view.js';
import { assert } from '../domain/assert.js';
import type { MachineType } from '../domain/machine-type.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { SensorTimes } from './sensor-times.js';
import type { Step } from './step-calendar.js';
import { TimeSet } from './time-set.js';
import type { TypeClock } from './type-clock.js';

const version = 2;
const writer = new ByteWriter();

/** One step of a machine. Times in it are ms since its start. */
export class StepState {
  readonly startMs: number;
  readonly endMs: number;
  readonly aggregates: Float64Array;
  times: SensorTimes;
  /** Times of the events of the step, by `eventName`. */
  readonly events = new Map<string, TimeSet>();
  /** Records emitted for this step: the next one's revision. */
  issuedCount = 0;
  /** Ordinal in the machine's life once closed, -1 before. */
  stepIndex = -1;
  /** True if its newest record does not say all that is known. */
  changed = false;
  firstOffset = -1;
  lastOffset = -1;
  /** True if its state entry is out of date. */
  dirty = true;

  constructor(step: Step, sensorCount: number) {
    this.startMs = step.startMs;
    this.endMs = step.endMs;
    this.aggregates = new Float64Array(sensorCount * aggregateSize);
    this.times = new SensorTimes(sensorCount);
  }

  get closed(): boolean {
    return this.stepIndex >= 0;
  }

  /** Adds an event; false if it was there. */
  addEvent(name: string, timeMs: number): boolean {
    let times = this.events.get(name);
    if (!times) {
      times = new TimeSet();
      this.events.set(name, times);
    }
    const isNew = times.add(timeMs - this.startMs);
    if (isNew) this.dirty = true;
    return isNew;
  }

  /** Event time of its newest reading; -Infinity without any. */
  newestReadingMs(): number {
    let newest = -Infinity;
    for (let at = 0; at < this.aggregates.length; at += aggregateSize)
      if (this.aggregates[at] !== 0)
        newest = Math.max(newest, this.startMs + (this.aggregates[at + 7] as number));
    return newest;
  }

  encode(): Buffer {
    writer.byte(version);
    writer.double(this.startMs);
    writer.double(this.endMs);
    writer.integer(this.issuedCount);
    writer.integer(this.stepIndex + 1);
    writer.byte(this.changed ? 1 : 0);
    writer.integer(this.firstOffset + 1);
    writer.integer(this.lastOffset + 1);
    for (let at = 0; at < this.aggregates.length; at += aggregateSize) {
      const count = this.aggregates[at] as number;
      writer.integer(count);
      if (count > 0) for (let i = 1; i < aggregateSize; i++) writer.double(this.aggregates[at + i] as number);
    }
    this.times.write(writer);
    writer.integer(this.events.size);
    for (const [name, times] of this.events) {
      writer.text(name);
      times.write(writer);
    }
    return writer.finish();
  }

  static decode(entry: Buffer, sensorCount: number): StepState {
    const reader = new ByteReader(entry);
    checkVersion(reader.byte());
    const step = new StepState({ startMs: reader.double(), endMs: reader.double() }, sensorCount);
    step.issuedCount = reader.integer();
    step.stepIndex = reader.integer() - 1;
    step.changed = reader.byte() === 1;
    step.firstOffset = reader.integer() - 1;
    step.lastOffset = reader.integer() - 1;
    for (let at = 0; at < step.aggregates.length; at += aggregateSize) {
      const count = reader.integer();
      step.aggregates[at] = count;
      if (count > 0) for (let i = 1; i < aggregateSize; i++) step.aggregates[at + i] = reader.double();
    }
    step.times = SensorTimes.read(reader, sensorCount);
    for (let left = reader.integer(); left > 0; left--) step.events.set(reader.text(), TimeSet.read(reader));
    step.dirty = false;
    return step;
  }
}

/** What duplicates of an event have in common, besides machine and time. `alert`: of feedback. */
export function eventName(event: string, code: string, alert?: string): string {
  return alert === undefined ? `${event}|${code}` : `${event}|${code}|${alert}`;
}

interface Maintenance {
  readonly timeMs: number;
  /** Start of the step in which it was done. */
  readonly startMs: number;
}

/** Life-ending events remembered per machine, to tell a duplicate. */
const endingsMax = 4;

export class MachineState {
  readonly id: string;
  clock: TypeClock;
  site: string;
  line: string;
  /** False: its life has ended, only what keeps duplicates and stragglers out is left. */
  living = false;
  lifeStartMs = 0;
  /** Closed steps of the present life: the ordinal of the first step not yet closed. */
  closedCount = 0;
  /** Start of the first step not yet closed. */
  nextStartMs = 0;
  /** True once a record of the present life was emitted: its start stays. */
  settled = false;
  /** Closed steps at the end without a reading. */
  silentCount = 0;
  /** Readings before this belong to a life that has ended. */
  notBeforeMs = -Infinity;
  /** Steps that the end of a life cut off: a new life goes on with their revisions. */
  cutSteps: { readonly startMs: number; readonly issuedCount: number }[] = [];
  /** Names and times of the newest events that ended a life. */
  endings: string[] = [];
  /**
   * Per maintenance kind, ascending: when it was done in the present life, or since the last one ended. All that the
   * re-openable and open steps can show: those within the revision horizon and the newest before.
   */
  maintained: Maintenance[][];
  /** When something becomes due: the first open step closes, or an ended machine is forgotten. */
  dueMs = Infinity;
  /** Open steps and closed ones that can be re-opened, ascending; open ones may be missing while nothing is in them. */
  readonly steps: StepState[] = [];
  /** The step last added to. */
  recent: StepState | undefined;
  dirty = true;

  constructor(id: string, clock: TypeClock, site: string, line: string) {
    this.id = id;
    this.clock = clock;
    this.site = site;
    this.line = line;
    this.maintained = clock.type.maintenanceKinds.map(() => []);
  }

  /** Begins a life at a step. */
  begin(step: Step): void {
    this.living = true;
    this.settled = false;
    this.closedCount = 0;
    this.silentCount = 0;
    this.beginAt(step);
  }

  /** Sets the first step of a life that has shown nothing yet. */
  beginAt(step: Step): void {
    this.lifeStartMs = step.startMs;
    this.nextStartMs = step.startMs;
    this.dueMs = step.endMs + this.clock.type.graceMs;
    this.dirty = true;
  }

  /** The kept step that starts then. */
  find(startMs: number): StepState | undefined {
    return this.steps.findLast((step) => step.startMs === startMs);
  }

  /** The kept step that contains the time. */
  findAt(timeMs: number): StepState | undefined {
    return this.steps.findLast((step) => timeMs >= step.startMs && timeMs < step.endMs);
  }

  /** The kept step, or a new one in its place. */
  open(step: Step): StepState {
    const known = this.find(step.startMs);
    if (known) return known;
    const opened = new StepState(step, this.clock.type.sensors.length);
    const cut = this.cutSteps.find(({ startMs }) => startMs === step.startMs);
    if (cut) opened.issuedCount = cut.issuedCount;
    const before = this.steps.findLastIndex(({ startMs }) => startMs < step.startMs);
    this.steps.splice(before + 1, 0, opened);
    return opened;
  }

  /** What was done before has no part in the next life. */
  forgetMaintenance(): void {
    this.maintained = this.clock.type.maintenanceKinds.map(() => []);
  }

  /** Notes an event that ends lives; false if it was noted. */
  noteEnding(name: string, timeMs: number): boolean {
    const ending = `${name}|${timeMs}`;
    if (this.endings.includes(ending)) return false;
    this.endings = [...this.endings, ending].slice(-endingsMax);
    this.dirty = true;
    return true;
  }

  /**
   * Notes a maintenance: 'duplicate' if it was noted, 'old' if it tells nothing about the steps that can still
   * change, because the same was done again since.
   */
  noteMaintenance(kind: string, timeMs: number): 'new' | 'old' | 'duplicate' {
    const noted = this.maintained[this.clock.type.maintenanceKinds.indexOf(kind)];
    if (!noted) return 'old';
    const { horizonMs, calendar } = this.clock;
    const forgotten = noted.splice(
      0,
      noted.findLastIndex((earlier) => earlier.timeMs < horizonMs),
    );
    if (forgotten.length > 0) this.dirty = true;
    const before = noted.findLastIndex((earlier) => earlier.timeMs <= timeMs);
    if (noted[before]?.timeMs === timeMs) return 'duplicate';
    if (before < 0 && (noted[0]?.timeMs ?? Infinity) < horizonMs) return 'old';
    noted.splice(before + 1, 0, { timeMs, startMs: calendar.stepAt(timeMs).startMs });
    this.dirty = true;
    return 'new';
  }

  /** Steps since each maintenance kind at the end of a kept step; null: never in this life. */
  maintenanceAges(step: Step): (number | null)[] {
    const { nominalMs } = this.clock.calendar;
    return this.maintained.map((noted) => {
      const newest = noted.findLast(({ timeMs }) => timeMs < step.endMs);
      // Starts of steps are whole steps apart, but for the hours that clocks were moved.
      return newest ? Math.round((step.startMs - newest.startMs) / nominalMs) : null;
    });
  }

  encode(): Buffer {
    writer.byte(version);
    writer.text(this.clock.type.name);
    writer.text(this.site);
    writer.text(this.line);
    writer.byte((this.living ? 1 : 0) | (this.settled ? 2 : 0));
    writer.double(this.lifeStartMs);
    writer.integer(this.closedCount);
    writer.double(this.nextStartMs);
    writer.integer(this.silentCount);
    writer.double(this.notBeforeMs);
    writer.double(this.dueMs);
    writer.integer(this.cutSteps.length);
    for (const cut of this.cutSteps) {
      writer.double(cut.startMs);
      writer.integer(cut.issuedCount);
    }
    writer.integer(this.endings.length);
    for (const ending of this.endings) writer.text(ending);
    for (const noted of this.maintained) {
      writer.integer(noted.length);
      for (const { timeMs, startMs } of noted) {
        writer.double(timeMs);
        writer.double(startMs);
      }
    }
    return writer.finish();
  }

  /** Undefined if the configuration no longer has its machine type: the machine is forgotten. */
  static decode(id: string, entry: Buffer, clocks: ReadonlyMap<string, TypeClock>): MachineState | undefined {
    const reader = new ByteReader(entry);
    checkVersion(reader.byte());
    const clock = clocks.get(reader.text());
    if (!clock) return undefined;
    const machine = new MachineState(id, clock, reader.text(), reader.text());
    const flags = reader.byte();
    machine.living = (flags & 1) !== 0;
    machine.settled = (flags & 2) !== 0;
    machine.lifeStartMs = reader.double();
    machine.closedCount = reader.integer();
    machine.nextStartMs = reader.double();
    machine.silentCount = reader.integer();
    machine.notBeforeMs = reader.double();
    machine.dueMs = reader.double();
    for (let left = reader.integer(); left > 0; left--)
      machine.cutSteps.push({ startMs: reader.double(), issuedCount: reader.integer() });
    for (let left = reader.integer(); left > 0; left--) machine.endings.push(reader.text());
    for (const noted of machine.maintained)
      for (let left = reader.integer(); left > 0; left--)
        noted.push({ timeMs: reader.double(), startMs: reader.double() });
    machine.dirty = false;
    return machine;
  }
}

/** What of a machine type the state depends on. */
export function stateLayout(type: MachineType): string {
  const step =
    type.step.kind === 'fixed' ? `steps of ${type.step.durationMs} ms` : `days in ${type.step.timeZone}`;
  const names = (list: readonly string[]) => (list.length === 0 ? 'none' : list.join(' '));
  return `sensors ${names(type.sensors.map(({ name }) => name))}; maintenance ${names(type.maintenanceKinds)}; ${step}`;
}

function checkVersion(found: number): void {
  assert(found === version, `state entries of version ${version}, not ${found}`);
}
