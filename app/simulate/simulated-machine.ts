/** One simulated machine: parts that wear out, sensors that show it, services and repairs. Nothing here knows messages. */
import type { DatasetEvent, DatasetRecord } from '../../domain/dataset.js';
import { Rng } from '../../domain/rng.js';
import { type Factory, type Fault, placeOf } from './factory-config.js';
import { type Change, MachineScenario } from './scenario.js';

const dayMs = 86_400_000;
const monthMs = 30 * dayMs;
/** A service finds a fault only when its signal is at least this. */
const detectableSignal = 0.2;

/** The truth about what happened, for the judge. Spans are [startMs, endMs). */
export type Label =
  | {
      readonly kind: 'life';
      readonly machine: string;
      /** The part that was going to fail. */
      readonly fault: string;
      readonly startMs: number;
      readonly endMs: number;
      /** 'replaced': in time, by a service: it would have failed later. 'running': the simulation ended first. */
      readonly end: 'failed' | 'replaced' | 'running';
    }
  | {
      readonly kind: 'sensor';
      readonly machine: string;
      readonly sensor: string;
      readonly trouble: 'silent' | 'stuck';
      readonly startMs: number;
      readonly endMs: number;
    }
  | {
      readonly kind: 'gateway';
      readonly site: string;
      readonly line: string;
      readonly startMs: number;
      readonly endMs: number;
    }
  | { readonly kind: 'clock'; readonly machine: string; readonly skewMs: number }
  | {
      readonly kind: 'change';
      readonly change: Change;
      /** Concerned; of a gateway's clock those of its line. */
      readonly machines: readonly string[];
      readonly startMs: number;
      /** null: it lasts. */
      readonly endMs: number | null;
    };

interface SensorTrouble {
  readonly sensor: number;
  readonly trouble: 'silent' | 'stuck';
  readonly startMs: number;
  readonly endMs: number;
}

export class SimulatedMachine {
  readonly id: string;
  readonly #factory: Factory;
  readonly #rng: Rng;
  readonly #beginsMs: number;
  /** When in each interval it reads its sensors. */
  readonly #phaseMs: number;
  /** No two machines are made alike. */
  readonly #build: Float64Array;
  readonly #stuckAt: Float64Array;
  #fault: Fault;
  #lifeStartMs: number;
  #failMs: number;
  #downUntilMs = Number.NEGATIVE_INFINITY;
  #servicedMs: number;
  #nextServiceMs: number;
  #trouble: SensorTrouble;
  #isTroubleTold = false;
  readonly #scenario: MachineScenario;
  /** The next changes of wear and shutdowns to come, by time. */
  readonly #wearChanges: MachineScenario['wear'];
  readonly #shutdowns: MachineScenario['shutdowns'];
  /** Parts wear so many times as fast as the configuration says. */
  #wearRate = 1;
  /** Whether the next shutdown has put off what was to come. */
  #isPutOff = false;

  /** `index` from 0: a machine's story depends on the seed and its index, not on how many others there are. */
  constructor(factory: Factory, index: number) {
    const { config } = factory;
    this.#factory = factory;
    this.id = placeOf(factory, index).id;
    this.#scenario = new MachineScenario(config.scenario, this.id, config.startAt);
    this.#wearChanges = this.#scenario.wear;
    this.#shutdowns = this.#scenario.shutdowns;
    const { addedMs } = this.#scenario;
    const startMs = addedMs ?? config.startAt;
    this.#beginsMs = startMs;
    this.#rng = new Rng(Math.imul(config.seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
    // The first numbers of a xoroshiro generator still look like its seed.
    for (let i = 0; i < 8; i++) this.#rng.uniform();
    this.#phaseMs = Math.floor(this.#rng.uniform() * config.everyMs);
    this.#build = Float64Array.from(factory.profiles, () => this.#rng.normal());
    this.#stuckAt = new Float64Array(factory.profiles.length).fill(Number.NaN);
    this.#fault = this.#drawFault();
    // Begins somewhere in its first life, or new.
    const lifeMs = this.#drawLifeMs();
    const drawnShare = this.#rng.uniform();
    const livedShare = addedMs === undefined ? drawnShare : 0;
    this.#lifeStartMs = Math.round(startMs - livedShare * lifeMs);
    this.#failMs = Math.round(startMs + (1 - livedShare) * lifeMs);
    const serviceMs = config.maintenance.everyDays * dayMs;
    this.#nextServiceMs = Math.round(startMs + this.#rng.uniform() * serviceMs);
    this.#servicedMs = this.#nextServiceMs - serviceMs;
    this.#trouble = this.#drawTrouble(startMs);
  }

  /** What happens in [fromMs, toMs), in time order. Call with consecutive intervals of `everyMs`. */
  live(fromMs: number, toMs: number, labels: Label[]): DatasetRecord[] {
    const records: DatasetRecord[] = [];
    if (toMs <= this.#beginsMs || this.#isShut(fromMs)) return records;
    this.#changeWear(fromMs, toMs);
    let runsFromMs = Math.max(fromMs, this.#beginsMs);
    if (this.#downUntilMs >= toMs) return records;
    if (this.#downUntilMs >= fromMs) {
      runsFromMs = this.#downUntilMs;
      this.#downUntilMs = Number.NEGATIVE_INFINITY;
      records.push(this.#event(runsFromMs, 'maintenance', this.#fault.name));
      this.#beginLife(runsFromMs);
    }
    if (this.#nextServiceMs < toMs) this.#service(runsFromMs, records, labels);
    const failMs = this.#failMs;
    const runsUntilMs = Math.min(toMs, failMs);
    this.#reportErrors(runsFromMs, runsUntilMs, records);
    const readMs = fromMs + this.#phaseMs;
    if (readMs >= runsFromMs && readMs < runsUntilMs) {
      const values = this.#read(readMs, labels);
      if (Object.keys(values).length > 0)
        records.push({ kind: 'readings', machine: this.id, timeMs: readMs, values });
    }
    if (failMs < toMs) {
      records.push(this.#event(failMs, 'failure', this.#fault.name));
      labels.push(this.#lifeLabel(failMs, 'failed'));
      const { repairMs } = this.#factory.config;
      this.#downUntilMs = failMs + Math.round(repairMs * (0.5 + this.#rng.uniform()));
      this.#failMs = Number.POSITIVE_INFINITY;
    }
    return records.sort((a, b) => a.timeMs - b.timeMs);
  }

  /** Whether it stands still then. What would have come is put off by the length of the shutdown when that begins. */
  #isShut(timeMs: number): boolean {
    const [next] = this.#shutdowns;
    if (!next || timeMs < next.startMs) return false;
    if (timeMs >= next.endMs) {
      this.#shutdowns.shift();
      this.#isPutOff = false;
      return this.#isShut(timeMs);
    }
    if (!this.#isPutOff) {
      this.#isPutOff = true;
      const lengthMs = next.endMs - next.startMs;
      this.#failMs += lengthMs;
      this.#servicedMs += lengthMs;
      if (this.#downUntilMs > next.startMs) this.#downUntilMs += lengthMs;
    }
    return true;
  }

  /** What is left of the present part lasts as much shorter as it wears faster; its signal goes on from where it is. */
  #changeWear(fromMs: number, toMs: number): void {
    for (let next = this.#wearChanges[0]; next && next.timeMs < toMs; next = this.#wearChanges[0]) {
      this.#wearChanges.shift();
      const atMs = Math.max(fromMs, next.timeMs);
      if (Number.isFinite(this.#failMs))
        this.#failMs = Math.round(atMs + (this.#failMs - atMs) / next.factor);
      this.#wearRate *= next.factor;
    }
  }

  /** The life that is still going on at the end. */
  endLabels(endMs: number): Label[] {
    return this.#failMs === Number.POSITIVE_INFINITY || this.#beginsMs >= endMs
      ? []
      : [this.#lifeLabel(endMs, 'running')];
  }

  #lifeLabel(endMs: number, end: 'failed' | 'replaced' | 'running'): Label {
    return {
      kind: 'life',
      machine: this.id,
      fault: this.#fault.name,
      startMs: this.#lifeStartMs,
      endMs,
      end,
    };
  }

  #beginLife(startMs: number): void {
    this.#fault = this.#drawFault();
    this.#lifeStartMs = startMs;
    this.#failMs = startMs + Math.round(this.#drawLifeMs() / this.#wearRate);
  }

  #drawFault(): Fault {
    const { faults } = this.#factory;
    return faults[this.#rng.int(faults.length)] as Fault;
  }

  /** Weibull by inversion; a new part lasts at least two days. */
  #drawLifeMs(): number {
    const { scaleDays, shape } = this.#factory.config.life;
    return Math.max(2, scaleDays * (-Math.log(1 - this.#rng.uniform())) ** (1 / shape)) * dayMs;
  }

  /** The planned service that falls due; one that falls due while the machine stands still is left out. */
  #service(runsFromMs: number, records: DatasetRecord[], labels: Label[]): void {
    const { everyDays, kind, detectShare } = this.#factory.config.maintenance;
    const dueMs = this.#nextServiceMs;
    const intervalMs = Math.round(everyDays * dayMs);
    while (this.#nextServiceMs <= dueMs) this.#nextServiceMs += intervalMs;
    if (dueMs < runsFromMs || dueMs >= this.#failMs) return;
    this.#servicedMs = dueMs;
    records.push(this.#event(dueMs, 'maintenance', kind));
    if (this.#signal(dueMs) < detectableSignal || this.#rng.uniform() >= detectShare) return;
    records.push(this.#event(dueMs, 'maintenance', this.#fault.name));
    labels.push(this.#lifeLabel(dueMs, 'replaced'));
    this.#beginLife(dueMs);
  }

  #event(timeMs: number, event: DatasetEvent['event'], code: string): DatasetEvent {
    return { kind: 'event', machine: this.id, timeMs, event, code };
  }

  /** Strength of the coming fault: e^(-(time left) / tau), 1 at the failure. */
  #signal(timeMs: number): number {
    return Math.exp(((timeMs - this.#failMs) * this.#wearRate) / (this.#fault.tauDays * dayMs));
  }

  /** Errors as a Poisson process whose rate follows the fault's signal; at most one of a code in an interval. */
  #reportErrors(fromMs: number, toMs: number, records: DatasetRecord[]): void {
    const { healthy, failing } = this.#factory.config.errorsPerDay;
    const days = (toMs - fromMs) / dayMs;
    if (days <= 0) return;
    for (const code of this.#factory.type.eventCodes) {
      const rate = healthy + (code === this.#fault.errorCode ? failing * this.#signal(toMs) : 0);
      if (this.#rng.uniform() < 1 - Math.exp(-rate * days))
        records.push(this.#event(fromMs + Math.floor(this.#rng.uniform() * (toMs - fromMs)), 'error', code));
    }
  }

  #read(timeMs: number, labels: Label[]): Record<string, number> {
    const { type, profiles, config } = this.#factory;
    const load = loadAt(timeMs);
    const signal = this.#signal(timeMs);
    const dirt = Math.min(1, (timeMs - this.#servicedMs) / (config.maintenance.everyDays * dayMs));
    this.#followTrouble(timeMs, labels);
    const values: Record<string, number> = {};
    profiles.forEach((profile, index) => {
      const sensor = type.sensors[index];
      if (sensor === undefined) return;
      const noise = this.#rng.normal() * profile.noise;
      const value = sensor.setting
        ? profile.base * load
        : profile.base +
          2 * profile.noise * (this.#build[index] as number) +
          profile.loadGain * (load - 1) +
          profile.dirtGain * dirt +
          (this.#fault.effects[sensor.name] ?? 0) * signal;
      const told = this.#scenario.measure(sensor.name, value, noise, timeMs);
      const inRange = Math.min(
        sensor.max ?? Number.POSITIVE_INFINITY,
        Math.max(sensor.min ?? Number.NEGATIVE_INFINITY, told),
      );
      const shown = Number(inRange.toPrecision(6));
      const troubled = this.#trouble.sensor === index && timeMs >= this.#trouble.startMs;
      if (!troubled) {
        values[sensor.name] = shown;
        this.#stuckAt[index] = shown;
      } else if (this.#trouble.trouble === 'stuck') {
        const held = this.#stuckAt[index] as number;
        values[sensor.name] = Number.isNaN(held) ? shown : held;
      }
    });
    return values;
  }

  /** Draws the next trouble when one is over; labels a trouble when its first reading is touched by it. */
  #followTrouble(timeMs: number, labels: Label[]): void {
    while (timeMs >= this.#trouble.endMs) {
      this.#trouble = this.#drawTrouble(this.#trouble.endMs);
      this.#isTroubleTold = false;
    }
    const { sensor, trouble, startMs, endMs } = this.#trouble;
    if (this.#isTroubleTold || timeMs < startMs) return;
    this.#isTroubleTold = true;
    const name = this.#factory.type.sensors[sensor]?.name ?? '';
    labels.push({ kind: 'sensor', machine: this.id, sensor: name, trouble, startMs, endMs });
  }

  #drawTrouble(afterMs: number): SensorTrouble {
    const { sensorFaultsPerMonth, sensorFaultMs } = this.#factory.config.trouble;
    const startMs = afterMs + Math.round((drawExponential(this.#rng) * monthMs) / sensorFaultsPerMonth);
    return {
      sensor: this.#rng.int(this.#factory.profiles.length),
      trouble: this.#rng.uniform() < 0.7 ? 'silent' : 'stuck',
      startMs,
      endMs: startMs + 1 + Math.round(drawExponential(this.#rng) * sensorFaultMs),
    };
  }
}

/** Exponential with mean 1, above 0. */
export function drawExponential(rng: Rng): number {
  return -Math.log(1 - rng.uniform()) + Number.MIN_VALUE;
}

/** Load of the plant: 1 from 06:00 to 22:00 UTC on Monday to Saturday, else 0.6. */
export function loadAt(timeMs: number): number {
  const hour = Math.floor(timeMs / 3_600_000) % 24;
  // 1970-01-01 was a Thursday.
  const weekday = (Math.floor(timeMs / dayMs) + 4) % 7;
  return weekday !== 0 && hour >= 6 && hour < 22 ? 1 : 0.6;
}
