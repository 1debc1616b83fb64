/**
 * What the step operator must emit, worked out the slow way: every reading and event is kept for ever in plain
 * sets, nothing is incremental, aggregates are two-pass over the set. Only the calendar is shared with the operator.
 */
import type {
  EventRecord,
  InputRecord,
  ReadingsRecord,
  RejectReason,
  TickRecord,
} from '../../domain/input.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { SensorAggregate, StepRecord } from '../../domain/step.js';
import { makeStepCalendar, type Step, type StepCalendar } from '../../stream/step-calendar.js';

interface NaiveStep extends Step {
  /** 'sensor|time' -> value and offset */
  readonly readings: Map<string, { sensor: string; timeMs: number; value: number; offset: number }>;
  /** 'kind|code|time' */
  readonly events: Set<string>;
  closed: boolean;
  changed: boolean;
  issued: number;
}

interface NaiveMachine {
  readonly id: string;
  site: string;
  line: string;
  living: boolean;
  startMs: number;
  settled: boolean;
  notBeforeMs: number;
  endings: string[];
  /** step start -> records issued by earlier lives */
  cut: Map<number, number>;
  steps: NaiveStep[];
  /** kind -> times */
  maintenance: Map<string, number[]>;
}

export interface NaiveResult {
  readonly steps: (StepRecord | EventRecord | TickRecord)[];
  readonly rejected: RejectReason[];
  readonly ledger: { accepted: number; duplicate: number; late: number; rejected: number };
}

export function computeNaively(inputs: readonly InputRecord[], type: MachineType): NaiveResult {
  const naive = new Naive(type);
  for (const [offset, record] of inputs.entries()) naive.take(record, offset);
  return naive;
}

class Naive implements NaiveResult {
  readonly steps: (StepRecord | EventRecord | TickRecord)[] = [];
  readonly rejected: RejectReason[] = [];
  readonly ledger = { accepted: 0, duplicate: 0, late: 0, rejected: 0 };
  readonly type: MachineType;
  readonly calendar: StepCalendar;
  readonly machines = new Map<string, NaiveMachine>();
  watermarkMs = Number.NaN;
  tickMs = -Infinity;

  constructor(type: MachineType) {
    this.type = type;
    this.calendar = makeStepCalendar(type.step);
  }

  take(record: InputRecord, offset: number): void {
    if (Number.isNaN(this.watermarkMs))
      this.watermarkMs = record.kind === 'tick' ? record.timeMs : record.ingestTimeMs;
    if (record.kind === 'tick') this.tick(record);
    else if (record.kind === 'event') this.event(record);
    else this.readings(record, offset);
  }

  after(step: Step, count: number): Step {
    let at = step;
    for (let i = 0; i < count; i++) at = this.calendar.stepAt(at.endMs);
    return at;
  }

  horizonMs(): number {
    let { startMs } = this.calendar.stepAt(this.watermarkMs - this.type.graceMs);
    for (let i = 0; i < this.type.revisionSteps; i++) ({ startMs } = this.calendar.stepAt(startMs - 1));
    return startMs;
  }

  isAhead(timeMs: number, ingestTimeMs: number): boolean {
    const now = Math.max(this.watermarkMs, ingestTimeMs);
    return timeMs >= this.after(this.calendar.stepAt(now), 2).endMs;
  }

  refusal(machine: NaiveMachine | undefined, timeMs: number, ingestTimeMs: number): RejectReason | undefined {
    if (this.isAhead(timeMs, ingestTimeMs)) return 'in-the-future';
    if (timeMs < this.horizonMs()) return 'late';
    if (machine && timeMs < machine.notBeforeMs) return 'late';
    if (machine?.living && machine.settled && timeMs < machine.startMs) return 'late';
    return undefined;
  }

  machine(record: ReadingsRecord | EventRecord): NaiveMachine {
    let machine = this.machines.get(record.machine);
    if (!machine) {
      machine = {
        id: record.machine,
        site: record.site,
        line: record.line,
        living: false,
        startMs: 0,
        settled: false,
        notBeforeMs: -Infinity,
        endings: [],
        cut: new Map(),
        steps: [],
        maintenance: new Map(),
      };
      this.machines.set(record.machine, machine);
    }
    return machine;
  }

  /** The step of the life that contains the time; begins a life, or moves its start back. */
  stepOf(machine: NaiveMachine, timeMs: number): NaiveStep {
    const wanted = this.calendar.stepAt(timeMs);
    if (!machine.living) {
      machine.living = true;
      machine.settled = false;
      machine.steps = [];
      machine.startMs = wanted.startMs;
    } else if (wanted.startMs < machine.startMs) machine.startMs = wanted.startMs;
    const known = machine.steps.find((step) => step.startMs === wanted.startMs);
    if (known) return known;
    const step: NaiveStep = {
      startMs: wanted.startMs,
      endMs: wanted.endMs,
      readings: new Map(),
      events: new Set(),
      closed: false,
      changed: false,
      issued: machine.cut.get(wanted.startMs) ?? 0,
    };
    machine.steps.push(step);
    machine.steps.sort((a, b) => a.startMs - b.startMs);
    return step;
  }

  countSteps(fromMs: number, toMs: number): number {
    let count = 0;
    for (let at = this.calendar.stepAt(fromMs); at.endMs <= toMs; at = this.calendar.stepAt(at.endMs))
      count++;
    return count;
  }

  isKept(step: NaiveStep): boolean {
    return !step.closed || step.startMs >= this.horizonMs();
  }

  firstOpen(machine: NaiveMachine): Step {
    const last = machine.steps.findLast((step) => step.closed);
    return this.calendar.stepAt(last ? last.endMs : machine.startMs);
  }

  readings(record: ReadingsRecord, offset: number): void {
    record.sensors.forEach((sensor, i) => {
      const timeMs = record.timesMs[i] as number;
      const known = this.machines.get(record.machine);
      if (!this.type.sensors.some(({ name }) => name === sensor)) {
        this.ledger.rejected++;
        this.rejected.push('unknown-sensor');
        return;
      }
      const reason = this.refusal(known, timeMs, record.ingestTimeMs);
      if (reason) {
        this.ledger[reason === 'late' ? 'late' : 'rejected']++;
        this.rejected.push(reason);
        return;
      }
      const step = this.stepOf(this.machine(record), timeMs);
      const key = `${sensor}|${timeMs}`;
      if (step.readings.has(key)) {
        this.ledger.duplicate++;
        return;
      }
      this.ledger.accepted++;
      step.readings.set(key, { sensor, timeMs, value: record.values[i] as number, offset });
      step.changed = true;
    });
  }

  event(record: EventRecord): void {
    const timeMs = record.eventTimeMs;
    if (this.isAhead(timeMs, record.ingestTimeMs)) {
      this.rejected.push('in-the-future');
      return;
    }
    const known = this.machines.get(record.machine);
    const key = `${record.event}|${record.code}|${timeMs}`;
    const kept = known?.living
      ? known.steps.find((step) => timeMs >= step.startMs && timeMs < step.endMs && this.isKept(step))
      : undefined;
    const endsLife = record.event === 'retired' || (record.event === 'failure' && this.type.failureEndsLife);
    if (record.event === 'error') {
      const reason = this.refusal(known, timeMs, record.ingestTimeMs);
      if (reason) {
        this.rejected.push(reason);
        return;
      }
      const step = this.stepOf(this.machine(record), timeMs);
      if (step.events.has(key)) return;
      step.events.add(key);
      step.changed = true;
    } else if (record.event === 'maintenance') {
      const machine = this.machine(record);
      if (machine.living || timeMs >= machine.notBeforeMs) {
        const times = machine.maintenance.get(record.code) ?? [];
        const newestOldMs = Math.max(...times.filter((time) => time < this.horizonMs()));
        const remembered = timeMs >= this.horizonMs() || timeMs === newestOldMs;
        if (remembered && times.includes(timeMs)) return;
        machine.maintenance.set(record.code, [...times, timeMs]);
        if (remembered || timeMs > newestOldMs)
          for (const step of machine.steps) if (this.isKept(step) && step.endMs > timeMs) step.changed = true;
      }
    } else if (endsLife) {
      const machine = this.machine(record);
      if (machine.endings.includes(key)) return;
      machine.endings = [...machine.endings, key].slice(-4);
      if (machine.living && timeMs >= machine.startMs && timeMs >= machine.notBeforeMs) {
        this.revise(machine);
        while (this.firstOpen(machine).endMs <= timeMs && this.silentSteps(machine) < this.silentMax())
          this.close(machine);
        this.drop(machine, timeMs);
      } else if (!machine.living) {
        machine.maintenance = new Map();
        machine.notBeforeMs = Math.max(machine.notBeforeMs, timeMs + 1);
      }
    } else if (kept) {
      if (kept.events.has(key)) return;
      kept.events.add(key);
    }
    this.steps.push(record);
  }

  drop(machine: NaiveMachine, endMs: number): void {
    const open = machine.steps.filter((step) => !step.closed);
    const times = open.flatMap((step) => [...step.readings.values()].map(({ timeMs }) => timeMs));
    machine.notBeforeMs = Math.max(
      machine.notBeforeMs,
      Math.max(endMs, ...times) + 1,
      this.firstOpen(machine).startMs,
    );
    for (const step of machine.steps) if (!step.closed) machine.cut.set(step.startMs, step.issued);
    machine.living = false;
    machine.maintenance = new Map();
    machine.steps = [];
  }

  tick(record: TickRecord): void {
    if (record.timeMs <= this.tickMs) return;
    const before = this.watermarkMs;
    this.tickMs = record.timeMs;
    this.watermarkMs = Math.max(this.watermarkMs, record.timeMs);
    const every = this.type.provisionalEveryMs;
    const provisional =
      every !== undefined && Math.floor(this.watermarkMs / every) > Math.floor(before / every);
    for (const id of [...this.machines.keys()].sort()) {
      const machine = this.machines.get(id) as NaiveMachine;
      if (!machine.living) {
        if (machine.maintenance.size > 0) continue; // counts in its next life, whenever that begins
        const bar = this.calendar.stepAt(machine.notBeforeMs);
        if (this.watermarkMs >= this.after(bar, this.type.revisionSteps).endMs + this.type.graceMs)
          this.machines.delete(id);
        continue;
      }
      this.revise(machine);
      while (machine.living && this.firstOpen(machine).endMs + this.type.graceMs <= this.watermarkMs) {
        this.close(machine);
        const silent = this.silentSteps(machine);
        if (silent >= this.silentMax()) this.retire(machine, `silent for ${silent} steps`);
      }
      if (!provisional || !machine.living) continue;
      const { startMs } = this.firstOpen(machine);
      const open = machine.steps.find((step) => step.startMs === startMs);
      if (open?.changed && startMs <= this.watermarkMs) this.emit(machine, open);
    }
    this.steps.push(record);
  }

  /** Closed steps at the end without a reading. */
  silentSteps(machine: NaiveMachine): number {
    const closed = machine.steps.filter((step) => step.closed);
    return closed.length - 1 - closed.findLastIndex((step) => step.readings.size > 0);
  }

  silentMax(): number {
    return Math.max(this.type.retireAfterSteps, this.type.revisionSteps);
  }

  retire(machine: NaiveMachine, comment: string): void {
    const eventTimeMs = this.firstOpen(machine).startMs;
    this.drop(machine, eventTimeMs - 1);
    this.steps.push({
      kind: 'event',
      event: 'retired',
      machine: machine.id,
      type: this.type.name,
      site: machine.site,
      line: machine.line,
      eventTimeMs,
      ingestTimeMs: this.watermarkMs,
      code: '',
      by: 'millwright',
      comment,
    });
  }

  revise(machine: NaiveMachine): void {
    for (const step of machine.steps) if (step.closed && step.changed) this.emit(machine, step);
  }

  close(machine: NaiveMachine): void {
    const step = this.stepOf(machine, this.firstOpen(machine).startMs);
    step.closed = true;
    this.emit(machine, step);
  }

  emit(machine: NaiveMachine, step: NaiveStep): void {
    const { type } = this;
    const readings = [...step.readings.values()];
    const sensors = type.sensors.map((sensor) => {
      const own = readings.filter((reading) => reading.sensor === sensor.name);
      return own.length === 0
        ? null
        : aggregate(own, step.startMs, sensor.min ?? -Infinity, sensor.max ?? Infinity);
    });
    const offsets = readings.map(({ offset }) => offset);
    this.steps.push({
      kind: 'step',
      machine: machine.id,
      type: type.name,
      site: machine.site,
      line: machine.line,
      startMs: step.startMs,
      endMs: step.endMs,
      stepIndex: this.countSteps(machine.startMs, step.startMs),
      lifeStartMs: machine.startMs,
      revision: step.issued++,
      final: step.closed,
      sensors,
      eventCounts: type.eventCodes.map(
        (code) => [...step.events].filter((key) => key.startsWith(`error|${code}|`)).length,
      ),
      maintenanceAges: type.maintenanceKinds.map((kind) => {
        const times = (machine.maintenance.get(kind) ?? []).filter((time) => time < step.endMs);
        if (times.length === 0) return null;
        return this.countSteps(Math.max(...times), step.startMs);
      }),
      coverage: type.sensors.map((sensor, i) =>
        Math.min(1, (sensors[i]?.count ?? 0) / sensor.expectedPerStep),
      ),
      stuck: type.sensors.map((sensor, i) => {
        const own = sensors[i];
        return (
          sensor.stuckAfter !== undefined && !!own && own.count >= sensor.stuckAfter && own.min === own.max
        );
      }),
      firstOffset: offsets.length === 0 ? -1 : Math.min(...offsets),
      lastOffset: offsets.length === 0 ? -1 : Math.max(...offsets),
    });
    step.changed = false;
    machine.settled = true;
  }
}

function aggregate(
  readings: readonly { timeMs: number; value: number }[],
  startMs: number,
  lowest: number,
  highest: number,
): SensorAggregate {
  const sorted = [...readings].sort((a, b) => a.timeMs - b.timeMs);
  const values = sorted.map(({ value }) => value);
  const times = sorted.map(({ timeMs }) => timeMs - startMs);
  const count = sorted.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const timeMean = times.reduce((sum, time) => sum + time, 0) / count;
  return {
    count,
    mean,
    m2: values.reduce((sum, value) => sum + (value - mean) ** 2, 0),
    min: Math.min(...values),
    max: Math.max(...values),
    firstOffsetMs: times[0] as number,
    first: values[0] as number,
    lastOffsetMs: times[count - 1] as number,
    last: values[count - 1] as number,
    timeMean,
    timeM2: times.reduce((sum, time) => sum + (time - timeMean) ** 2, 0),
    timeValueM: times.reduce((sum, time, i) => sum + (time - timeMean) * ((values[i] as number) - mean), 0),
    outOfRangeCount: values.filter((value) => value < lowest || value > highest).length,
  };
}
