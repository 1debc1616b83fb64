/**
 * Stories in time, told to the real stage through real records. A line is what happens; the other side what the
 * stage says at once. Days count from 2026-03-01T00:00Z; `p` is P(fail within 14 days) under a constant hazard.
 *
 *     '3 p .35'              final forecast of origin 3, revision 0
 *     '3 p .35 rev 1'        its revision
 *     '3 p .35 provisional'
 *     '3 young p .1'         within the first steps of a life
 *     '3 blind low coverage' not assessable, and why
 *     '3.5 failure' '3.5 retired' '3.5 maintenance' '3.5 error' '3.5 tick'
 *     '3.5 ack kim note'     acknowledges what is open
 *     'crash'                everything since the last checkpoint is read again by a new handler
 *
 * Said: `transition severity (reason) @day value`, several joined by `; `, with `rule:` in front when there is
 * more than one rule; reason for what ends, what is not assessable, and acknowledgements.
 */
import { strict as assert } from 'node:assert';
import type { Buffer } from 'node:buffer';
import { makeAlertStage } from '../../alerts/alert-stage.js';
import { type AlertsConfigInput, alertsConfigSchema } from '../../alerts/config.js';
import type { AlertRecord } from '../../domain/alert.js';
import { expectedDay, type ForecastRecord } from '../../domain/forecast.js';
import type { EventKind, EventRecord, TickRecord } from '../../domain/input.js';
import type { Checkpoint, LogRecord, PartitionHandler } from '../../domain/log.js';
import { type MachineType, type MachineTypeInput, machineTypeSchema } from '../../domain/machine-type.js';
import { decodeRecord, encodeRecord, topics } from '../../domain/topics.js';

export const startMs = Date.UTC(2026, 2, 1);
export const dayMs = 86_400_000;
export const timeOf = (day: number): number => Math.round(startMs + day * dayMs);
export const dayOf = (timeMs: number): number => Math.round(((timeMs - startMs) / dayMs) * 100) / 100;

export const turbine = (over: Partial<MachineTypeInput> = {}): MachineType =>
  machineTypeSchema.parse({ name: 'turbine', sensors: [{ name: 'speed' }], ...over });

export const twoLevels = {
  name: 'near',
  condition: 'failure_probability(14d)',
  severities: [
    { name: 'warning', set: 0.3, reset: 0.2 },
    { name: 'critical', set: 0.6, reset: 0.4 },
  ],
};

export type Input = ForecastRecord | EventRecord | TickRecord;

export function forecastOf(
  day: number,
  p: number | null,
  over: Partial<ForecastRecord> = {},
): ForecastRecord {
  const probabilities =
    p === null ? [] : Array.from({ length: 30 }, (_, k) => (k === 13 ? p : 1 - (1 - p) ** ((k + 1) / 14)));
  return {
    kind: 'forecast',
    machine: 'unit-84',
    type: 'turbine',
    site: 'north',
    line: 'l1',
    originMs: timeOf(day),
    stepIndex: 50,
    revision: 0,
    status: p === null ? 'not-assessable' : 'ok',
    reason: '',
    model: 'm1',
    probabilities,
    expectedDay: expectedDay(probabilities),
    coverage: 1,
    silentSensors: [],
    stepOffset: 0,
    ...over,
  };
}

export function eventOf(day: number, event: EventKind, over: Partial<EventRecord> = {}): EventRecord {
  return {
    kind: 'event',
    event,
    machine: 'unit-84',
    type: 'turbine',
    site: 'north',
    line: 'l1',
    eventTimeMs: timeOf(day),
    ingestTimeMs: timeOf(day),
    code: '',
    by: '',
    comment: '',
    ...over,
  };
}

/** A partition of the topic `forecasts`, its stage, and what checkpoints have made durable. */
export class Playground {
  readonly alerts: AlertRecord[] = [];
  readonly log: LogRecord[] = [];
  readonly state = new Map<string, Buffer>();
  readonly #make: () => PartitionHandler;
  #handler: PartitionHandler;
  #nextOffset = 0;

  constructor(config: AlertsConfigInput, types = [turbine()], checkpointRecords = 3) {
    this.#make = makePlace(config, types, checkpointRecords);
    this.#handler = this.#make();
    this.#handler.restore([]);
  }

  /** Reads one record; returns what became durable. */
  async push(input: Input): Promise<readonly AlertRecord[]> {
    this.log.push({ ...encodeRecord(topics.forecasts, 0, input), offset: this.log.length });
    return this.#read(this.log.slice(-1));
  }

  /** As after kill -9: a new handler, with another configuration if given, from the last checkpoint. */
  async crash(config?: AlertsConfigInput): Promise<readonly AlertRecord[]> {
    this.#handler.close();
    this.#handler = config ? makePlace(config, [turbine()], 3)() : this.#make();
    // "in any order": the reverse of how it was written.
    this.#handler.restore([...this.state].map(([key, value]) => ({ key, value })).reverse());
    return this.#read(this.log.slice(this.#nextOffset));
  }

  async #read(records: readonly LogRecord[]): Promise<readonly AlertRecord[]> {
    const checkpoint = await this.#handler.process({ topic: topics.forecasts, partition: 0, records });
    return checkpoint ? this.#commit(checkpoint) : [];
  }

  #commit({ nextOffset, outputs, state }: Checkpoint): readonly AlertRecord[] {
    this.#nextOffset = nextOffset;
    for (const { key, value } of state)
      if (value === null) this.state.delete(key);
      else this.state.set(key, value);
    const alerts = outputs.map((record) => decodeRecord(topics.alerts, { ...record, offset: 0 }));
    this.alerts.push(...alerts);
    return alerts;
  }
}

function makePlace(
  config: AlertsConfigInput,
  types: readonly MachineType[],
  checkpointRecords: number,
): () => PartitionHandler {
  const stage = makeAlertStage({ config: alertsConfigSchema.parse(config), types, checkpointRecords });
  return () => stage({ topic: topics.forecasts, partition: 0 });
}

export function parseLine(line: string, openAlertId: string): Input {
  const [at = '', verb = '', ...rest] = line.split(' ');
  const day = Number(at);
  assert.ok(Number.isFinite(day), `a day in "${line}"`);
  const after = (word: string): number | undefined =>
    rest.includes(word) ? Number(rest[rest.indexOf(word) + 1]) : undefined;
  switch (verb) {
    case 'p':
      return forecastOf(day, Number(rest[0]), {
        revision: after('rev') ?? 0,
        ...(rest.includes('provisional') ? { status: 'provisional' } : {}),
        ...(rest.includes('limit') ? { curve: 'health-limit' } : {}),
      });
    case 'young':
      return forecastOf(day, null, { stepIndex: 1, reason: 'history too short' });
    case 'blind': {
      const revision = after('rev') ?? 0;
      return forecastOf(day, null, { revision, reason: rest.join(' ').replace(/ ?rev \d+/, '') });
    }
    case 'ack':
      return eventOf(day, 'acknowledge', {
        code: openAlertId,
        by: rest[0] ?? '',
        comment: rest.slice(1).join(' '),
      });
    case 'tick':
      return { kind: 'tick', timeMs: timeOf(day) };
    case 'failure':
    case 'retired':
    case 'maintenance':
    case 'error':
      return eventOf(day, verb);
    default:
      throw new Error(`no such verb in "${line}"`);
  }
}

export function say(alert: AlertRecord, withRule: boolean): string {
  const telling =
    alert.state === 'resolved' ||
    alert.transition === 'not-assessable' ||
    alert.transition === 'acknowledged';
  return [
    ...(withRule ? [`${alert.rule}:`] : []),
    alert.transition,
    ...(alert.severity === '' ? [] : [alert.severity]),
    ...(telling ? [`(${alert.reason})`] : []),
    `@${dayOf(alert.timeMs)}`,
    ...(alert.value === null ? [] : [String(alert.value)]),
  ].join(' ');
}

export interface Story {
  readonly config?: AlertsConfigInput;
  /** Added to the one rule that stands when there is no config. */
  readonly rule?: object;
  readonly types?: readonly MachineType[];
  readonly lines: readonly (readonly [happens: string, said: string])[];
}

export async function tellStory(story: Story): Promise<Playground> {
  const config = (story.config ?? { rules: [{ ...twoLevels, ...story.rule }] }) as AlertsConfigInput;
  const playground = new Playground(config, story.types ? [...story.types] : undefined);
  const said: string[] = [];
  for (const [line] of story.lines) {
    const open = playground.alerts.at(-1);
    const alerts =
      line === 'crash'
        ? await playground.crash()
        : await playground.push(parseLine(line, open?.alertId ?? ''));
    said.push(alerts.map((alert) => say(alert, (config.rules?.length ?? 0) > 1)).join('; '));
  }
  assert.deepEqual(
    story.lines.map(([line], index) => [line, said[index]]),
    story.lines.map(([line, want]) => [line, want]),
  );
  return playground;
}
