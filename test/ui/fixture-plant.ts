/**
 * A made-up plant for looking at and testing the page: pumps that wear, with sensors that follow the wear and
 * forecasts as a good network would make them. Seeded; not the product's simulator.
 */
import type { AlertRecord } from '../../domain/alert.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { expectedDay } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { Rng } from '../../domain/rng.js';
import type { SensorAggregate, StepRecord } from '../../domain/step.js';
import type { StoreBatch } from '../../domain/store.js';
import type { RuleThreshold } from '../../infra/http/wire.js';

export const dayMs = 86_400_000;
/** Local midnight of 12 July 2024 in Berlin. */
export const startMs = Date.UTC(2024, 6, 11, 22);

export const pumpType = machineTypeSchema.parse({
  name: 'pump',
  description: 'Coolant pump with a bearing that wears',
  sensors: [
    { name: 'vibration', unit: 'mm/s', min: 0, max: 40 },
    { name: 'bearing-temp', unit: '°C', min: -20, max: 160 },
    { name: 'motor-temp', unit: '°C', min: -20, max: 160 },
    { name: 'current', unit: 'A', min: 0, max: 60 },
    { name: 'inlet-pressure', unit: 'bar', min: 0, max: 16 },
    { name: 'outlet-pressure', unit: 'bar', min: 0, max: 25 },
    { name: 'flow', unit: 'm³/h', min: 0, max: 120 },
    { name: 'speed', unit: 'rpm', min: 0, max: 4000, setting: true },
    { name: 'oil-level', unit: '%', min: 0, max: 100 },
    { name: 'noise', unit: 'dB', min: 20, max: 130 },
  ],
  eventCodes: ['E12-overload', 'E31-cavitation'],
  maintenanceKinds: ['bearing', 'seal'],
  step: { kind: 'calendar-day', timeZone: 'Europe/Berlin' },
});

/** Value of a new machine, change of it at the end of life, day-to-day noise. */
const sensorShapes: readonly (readonly [number, number, number])[] = [
  [2.1, 9.5, 0.25],
  [58, 34, 1.5],
  [71, 18, 2],
  [22, 6, 0.8],
  [3.2, -0.5, 0.12],
  [11.4, -2.8, 0.2],
  [82, -19, 1.8],
  [2950, 0, 8],
  [78, -30, 1],
  [72, 17, 1.1],
];

export const fixtureRules: readonly RuleThreshold[] = [
  { rule: 'failure-soon', days: 7, severity: 'critical', set: 0.5, curve: 'failure' },
  { rule: 'failure-soon', days: 14, severity: 'warning', set: 0.4, curve: 'failure' },
];

export type Flaw = 'none' | 'silent' | 'young' | 'gateway-down';

export class FixtureMachine {
  readonly id: string;
  readonly line: string;
  readonly flaw: Flaw;
  readonly #rng: Rng;
  readonly #lifeDays: number;
  day: number;

  /** `remainingDays`: days from day 0 to the failure. */
  constructor(
    id: string,
    line: string,
    parts: { readonly seed: number; readonly remainingDays: number; readonly flaw: Flaw },
  ) {
    this.id = id;
    this.line = line;
    this.flaw = parts.flaw;
    this.#rng = new Rng(parts.seed);
    this.day = parts.flaw === 'young' ? -3 : -45;
    this.#lifeDays = parts.remainingDays;
  }

  get remainingDays(): number {
    return this.#lifeDays - this.day;
  }

  get #place() {
    return { machine: this.id, type: 'pump', site: 'north', line: this.line };
  }

  /** Closes one more day: its step, its forecast, perhaps an event. */
  advance(): { step: StepRecord; forecast: ForecastRecord; events: EventRecord[] } {
    this.day++;
    const endMs = startMs + this.day * dayMs;
    const step = this.#makeStep(endMs);
    const events: EventRecord[] = [];
    if (this.#rng.uniform() < 0.03 + (this.remainingDays < 12 ? 0.12 : 0))
      events.push(
        this.#makeEvent('error', this.#rng.uniform() < 0.5 ? 'E12-overload' : 'E31-cavitation', endMs),
      );
    if (this.day === -21) events.push(this.#makeEvent('maintenance', 'seal', endMs));
    return { step, forecast: this.makeForecast(endMs), events };
  }

  makeForecast(originMs: number, revision = 0): ForecastRecord {
    const silent = this.#silentSensors();
    const reason =
      this.flaw === 'young'
        ? `history too short: ${this.day + 4} of 5 days`
        : silent.length > 0
          ? `${silent.length} of ${pumpType.sensors.length} sensors silent for 6 days`
          : '';
    const probabilities = reason === '' ? this.#curve() : [];
    return {
      kind: 'forecast',
      ...this.#place,
      originMs,
      stepIndex: this.day + 200,
      revision,
      status: reason === '' ? 'ok' : 'not-assessable',
      reason,
      model: 'pump-lstm-3f9a1c',
      probabilities,
      expectedDay: expectedDay(probabilities),
      coverage: Math.max(
        0,
        1 - silent.length / pumpType.sensors.length - (reason === '' ? this.#rng.uniform() * 0.04 : 0),
      ),
      silentSensors: silent,
      stepOffset: this.day + 200,
    };
  }

  #makeEvent(event: 'error' | 'maintenance' | 'failure', code: string, timeMs: number): EventRecord {
    return {
      kind: 'event',
      event,
      ...this.#place,
      eventTimeMs: timeMs - dayMs / 3,
      ingestTimeMs: timeMs - dayMs / 3,
      code,
      by: event === 'maintenance' ? 'M. Okafor' : '',
      comment: '',
    };
  }

  makeFailure(): EventRecord {
    return this.#makeEvent('failure', 'bearing', startMs + this.day * dayMs + dayMs / 2);
  }

  #silentSensors(): string[] {
    if (this.day < -6) return [];
    if (this.flaw === 'silent') return pumpType.sensors.slice(3, 8).map((sensor) => sensor.name);
    if (this.flaw === 'gateway-down') return pumpType.sensors.map((sensor) => sensor.name);
    return [];
  }

  /** Log-normal remaining life around the true one. */
  #curve(): number[] {
    const remaining = Math.max(0.6, this.remainingDays * Math.exp(0.1 * this.#rng.normal()));
    const spread = 0.28 + 0.004 * Math.min(this.remainingDays, 60);
    return Array.from({ length: 30 }, (_, k) => normalCdf(Math.log((k + 1) / remaining) / spread));
  }

  #makeStep(endMs: number): StepRecord {
    const silent = new Set(this.#silentSensors());
    const wear = Math.exp(-Math.max(0, this.remainingDays) / 14);
    const sensors = sensorShapes.map(([base, change, noise], index): SensorAggregate | null => {
      const name = pumpType.sensors[index]?.name ?? '';
      if (silent.has(name) || this.#rng.uniform() < 0.015) return null;
      const mean = base + change * wear + noise * this.#rng.normal();
      const spread = noise * (1 + 1.5 * wear);
      return {
        count: 1440,
        mean,
        m2: 1440 * spread * spread,
        min: mean - 2 * spread,
        max: mean + 2.4 * spread,
        firstOffsetMs: 0,
        first: mean,
        lastOffsetMs: dayMs - 60_000,
        last: mean,
        timeMean: dayMs / 2,
        timeM2: 1,
        timeValueM: 0,
        outOfRangeCount: index === 9 && this.#rng.uniform() < 0.02 ? 3 : 0,
      };
    });
    return {
      kind: 'step',
      ...this.#place,
      startMs: endMs - dayMs,
      endMs,
      stepIndex: this.day + 200,
      lifeStartMs: startMs - 200 * dayMs,
      revision: 0,
      final: true,
      sensors,
      eventCounts: [0, 0],
      maintenanceAges: [null, this.day + 21],
      coverage: sensors.map((sensor) => (sensor ? Math.min(1, 0.9 + 0.2 * this.#rng.uniform()) : 0)),
      stuck: sensors.map((_, index) => index === 8 && this.day > -9 && this.day < -4),
      firstOffset: 0,
      lastOffset: 0,
    };
  }
}

/** Abramowitz & Stegun 7.1.26: absolute error below 1.5e-7. */
function normalCdf(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const polynomial =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const erf = 1 - polynomial * Math.exp(-x * x);
  return z >= 0 ? (1 + erf) / 2 : (1 - erf) / 2;
}

export function makeMachines(count: number, seed = 7): FixtureMachine[] {
  const rng = new Rng(seed);
  const remaining = [5.5, 9, 12, 17, 19, 23, 28, 33];
  return Array.from({ length: count }, (_, index) => {
    const flaw: Flaw =
      index % 25 === 9 ? 'silent' : index % 25 === 15 ? 'young' : index % 25 === 21 ? 'gateway-down' : 'none';
    return new FixtureMachine(
      `${['pump', 'fan', 'mill'][index % 3]}-${String(index + 1).padStart(2, '0')}`,
      `line-${'ABC'[Math.floor((index * 3) / count)]}`,
      {
        seed: seed * 1000 + index,
        remainingDays: remaining[(index * 7) % count] ?? 40 + 160 * rng.uniform(),
        flaw,
      },
    );
  });
}

/** A transition of the alert of `machine`, as the alert stage would write it. */
export function makeAlert(
  machine: FixtureMachine,
  forecast: ForecastRecord,
  change: Pick<AlertRecord, 'state' | 'severity' | 'transition' | 'sequence' | 'sinceMs'> &
    Partial<AlertRecord>,
): AlertRecord {
  const days = change.severity === 'critical' ? 7 : 14;
  const value = forecast.probabilities[days - 1] ?? null;
  const rule = change.state === 'not-assessable' ? 'cannot-assess' : 'failure-soon';
  const alertId = `${rule}/${machine.id}/${change.sinceMs}`;
  return {
    kind: 'alert',
    alertId,
    dedupeKey: `${alertId}/${change.sequence}`,
    rule,
    machine: machine.id,
    type: 'pump',
    site: 'north',
    line: machine.line,
    reason: value === null ? forecast.reason : `P(fail ≤ ${days} d) is ${value.toFixed(2)}`,
    timeMs: forecast.originMs,
    acknowledgedBy: '',
    value,
    summary:
      value === null
        ? `${machine.id} cannot be assessed: ${forecast.reason}`
        : `${machine.id} fails within ${days} d with a probability of ${Math.round(value * 100)} %`,
    trace: {
      originMs: forecast.originMs,
      revision: forecast.revision,
      model: forecast.model,
      forecastOffset: 0,
      ruleVersion: 'a41c',
    },
    ...change,
  };
}

/** Runs the alerts of one machine as a plain threshold: enough for a picture. */
export class FixtureAlerts {
  readonly #open = new Map<string, AlertRecord>();

  decide(machine: FixtureMachine, forecast: ForecastRecord): AlertRecord[] {
    const severity =
      forecast.status === 'not-assessable'
        ? 'none'
        : (fixtureRules.find((rule) => (forecast.probabilities[rule.days - 1] ?? 0) >= rule.set)?.severity ??
          '');
    const open = this.#open.get(machine.id);
    const sequence = (open?.sequence ?? -1) + 1;
    const sinceMs = open?.sinceMs ?? forecast.originMs;
    if (severity === 'none') {
      if (open) return [];
      return this.#keep(
        makeAlert(machine, forecast, {
          state: 'not-assessable',
          severity: '',
          transition: 'not-assessable',
          sequence,
          sinceMs,
        }),
      );
    }
    if (!open) {
      if (severity === '') return [];
      return this.#keep(
        makeAlert(machine, forecast, { state: 'firing', severity, transition: 'fired', sequence, sinceMs }),
      );
    }
    if (severity === 'critical' && open.severity === 'warning')
      return this.#keep(
        makeAlert(machine, forecast, {
          state: 'firing',
          severity,
          transition: 'raised',
          sequence,
          sinceMs,
          acknowledgedBy: open.acknowledgedBy,
        }),
      );
    return [];
  }

  resolve(machine: FixtureMachine, forecast: ForecastRecord): AlertRecord[] {
    const open = this.#open.get(machine.id);
    if (!open) return [];
    this.#open.delete(machine.id);
    return [
      {
        ...open,
        state: 'resolved',
        transition: 'resolved',
        reason: 'failed',
        sequence: open.sequence + 1,
        timeMs: forecast.originMs,
        dedupeKey: `${open.alertId}/${open.sequence + 1}`,
      },
    ];
  }

  acknowledge(alertId: string, by: string, comment: string): AlertRecord | undefined {
    return this.#say(alertId, { transition: 'acknowledged', acknowledgedBy: by, reason: comment });
  }

  assign(alertId: string, to: string, by: string, comment: string): AlertRecord | undefined {
    return this.#say(alertId, { transition: 'assigned', assignedTo: to, by, reason: comment });
  }

  comment(alertId: string, by: string, comment: string): AlertRecord | undefined {
    return this.#say(alertId, { transition: 'commented', by, reason: comment });
  }

  #say(alertId: string, said: Partial<AlertRecord>): AlertRecord | undefined {
    const open = [...this.#open.values()].find((alert) => alert.alertId === alertId);
    if (!open) return undefined;
    const { by: _before, ...known } = open;
    const record: AlertRecord = {
      ...known,
      ...said,
      sequence: open.sequence + 1,
      dedupeKey: `${open.alertId}/${open.sequence + 1}`,
    };
    this.#keep(record);
    return record;
  }

  #keep(record: AlertRecord): AlertRecord[] {
    this.#open.set(record.machine, record);
    return [record];
  }
}

/** One day of every machine: what the stages would write. */
export function advanceAll(machines: readonly FixtureMachine[], alerts: FixtureAlerts): StoreBatch {
  const batch = {
    steps: [] as StepRecord[],
    forecasts: [] as ForecastRecord[],
    alerts: [] as AlertRecord[],
    events: [] as EventRecord[],
  };
  for (const machine of machines) {
    const { step, forecast, events } = machine.advance();
    batch.steps.push(step);
    batch.forecasts.push(forecast);
    batch.events.push(...events);
    if (machine.remainingDays < 0) {
      batch.events.push(machine.makeFailure());
      batch.alerts.push(...alerts.resolve(machine, forecast));
    } else batch.alerts.push(...alerts.decide(machine, forecast));
  }
  return batch;
}
