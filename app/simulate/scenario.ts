/**
 * What changes in a simulated factory while it runs: sensors, wear, machines, clocks, the season. Changes draw no random numbers
 * of their own, so that all else goes on as it would have without them (standing still excepted: nothing is drawn then).
 */
import { z } from 'zod';
import { globPattern } from '../../domain/machine-directory.js';
import { nameSchema } from '../../domain/machine-type.js';

const dayMs = 86_400_000;
const yearDays = 365.25;

const machines = z
  .string()
  .min(1)
  .describe('Machine id, or a pattern with * for any characters, such as "press-00*".');
const everyMachine = machines.default('*');
const fromDay = z.number().min(0).describe('Day of the simulation from which on, counted from 0.');
const sensor = nameSchema.describe('Sensor of the machine type.');

const changeSchema = z.discriminatedUnion('change', [
  z.strictObject({
    change: z.literal('sensor-rescaled').describe('A sensor tells other numbers for the same.'),
    sensor,
    machines: everyMachine,
    fromDay,
    factor: z.number().positive().describe('What it tells is multiplied by this.'),
  }),
  z.strictObject({
    change: z.literal('sensor-replaced').describe('Another sensor of the same kind takes its place.'),
    sensor,
    machines: everyMachine,
    fromDay,
    offset: z.number().default(0).describe('Added to what it tells, in the unit of the sensor.'),
    noiseFactor: z.number().min(0).default(1).describe('Its noise is so many times that of the old one.'),
  }),
  z.strictObject({
    change: z.literal('faster-wear').describe('Parts wear so many times as fast, also those in use then.'),
    machines: everyMachine,
    fromDay,
    factor: z.number().positive().describe('So many times as fast.'),
  }),
  z.strictObject({
    change: z
      .literal('machine-added')
      .describe('Machines that begin, new, on that day; before it there are none.'),
    machines,
    fromDay,
  }),
  z.strictObject({
    change: z
      .literal('gateway-clock')
      .describe("The clock of a line's gateway is wrong. Only messages show it."),
    line: z.string().min(1).describe('Line, such as "line-1".'),
    fromDay,
    untilDay: z.number().min(0).optional().describe('Day on which it is right again. Default: never.'),
    skewMinutes: z.number().describe('How far its clock is ahead; below 0: behind.'),
  }),
  z.strictObject({
    change: z.literal('season').describe('A sensor follows the year, as a sine.'),
    sensor,
    machines: everyMachine,
    fromDay: fromDay.default(0),
    amplitude: z.number().describe('Half of the difference of the extremes, in the unit of the sensor.'),
    highestDay: z.number().default(196).describe('Day of the year, counted from 0, on which it is highest.'),
  }),
  z.strictObject({
    change: z.literal('shutdown').describe('Machines stand still and are silent, and nothing wears.'),
    machines: everyMachine,
    fromDay,
    days: z.number().positive().describe('Length.'),
  }),
]);

/** What a factory file has under this key, and all that a file of `simulate --scenario` has. */
export const scenarioSchema = z
  .array(changeSchema)
  .default([])
  .describe('What changes while the factory runs. Default: nothing.');
export const scenarioFileSchema = z.strictObject({ scenario: scenarioSchema });

export type Scenario = z.output<typeof scenarioSchema>;
export type Change = Scenario[number];
type Kind = Change['change'];
type ChangeOf<K extends Kind> = Extract<Change, { readonly change: K }>;

/** What changes name that a factory may not have. */
export interface ScenarioNames {
  readonly sensors: readonly string[];
  readonly machines: readonly string[];
  readonly lines: readonly string[];
}

/** Names in a scenario that fit nothing: where, and what they should be among. */
export function misfitsIn(
  scenario: Scenario,
  names: ScenarioNames,
): {
  readonly path: readonly PropertyKey[];
  readonly word: string;
  readonly what: string;
  readonly known: readonly string[];
}[] {
  return scenario.flatMap((change, index) => {
    const path = (key: string) => ['scenario', index, key];
    const misfits = [];
    if ('sensor' in change && !names.sensors.includes(change.sensor))
      misfits.push({ path: path('sensor'), word: change.sensor, what: 'sensor', known: names.sensors });
    if ('line' in change && !names.lines.includes(change.line))
      misfits.push({ path: path('line'), word: change.line, what: 'line', known: names.lines });
    if ('machines' in change && machinesOf(change, names.machines).length === 0)
      misfits.push({
        path: path('machines'),
        word: change.machines,
        what: 'machine',
        known: names.machines.slice(0, 3),
      });
    return misfits;
  });
}

/** Those that a change is about; of a gateway's clock none. */
export function machinesOf(change: Change, ids: readonly string[]): string[] {
  if (!('machines' in change)) return [];
  const pattern = globPattern(change.machines);
  return ids.filter((id) => pattern.test(id));
}

export function fromMs(change: Change, startMs: number): number {
  return startMs + Math.round(change.fromDay * dayMs);
}

/** End of a change that ends; undefined: it lasts. */
export function untilMs(change: Change, startMs: number): number | undefined {
  if (change.change === 'shutdown') return fromMs(change, startMs) + Math.round(change.days * dayMs);
  if (change.change === 'gateway-clock' && change.untilDay !== undefined)
    return startMs + Math.round(change.untilDay * dayMs);
  return undefined;
}

/** How far the clock of a line's gateway is ahead. */
export function gatewaySkewMs(scenario: Scenario, line: string, timeMs: number, startMs: number): number {
  let skewMs = 0;
  for (const change of scenario)
    if (change.change === 'gateway-clock' && change.line === line && isOn(change, timeMs, startMs))
      skewMs += Math.round(change.skewMinutes * 60_000);
  return skewMs;
}

function isOn(change: Change, timeMs: number, startMs: number): boolean {
  return timeMs >= fromMs(change, startMs) && timeMs < (untilMs(change, startMs) ?? Number.POSITIVE_INFINITY);
}

/** What a scenario has in store for one machine. */
export class MachineScenario {
  readonly #changes: Scenario;
  readonly #startMs: number;

  /** `startMs`: of the simulation. */
  constructor(scenario: Scenario, machine: string, startMs: number) {
    this.#changes = scenario.filter((change) => machinesOf(change, [machine]).length > 0);
    this.#startMs = startMs;
  }

  /** When the machine begins; undefined: it was there before. */
  get addedMs(): number | undefined {
    const [added] = this.#of('machine-added');
    return added && fromMs(added, this.#startMs);
  }

  /** The changes of wear, in the order of their times. */
  get wear(): { readonly timeMs: number; readonly factor: number }[] {
    return this.#of('faster-wear')
      .map((change) => ({ timeMs: fromMs(change, this.#startMs), factor: change.factor }))
      .sort((a, b) => a.timeMs - b.timeMs);
  }

  /** Spans in which it stands still, by time. */
  get shutdowns(): { readonly startMs: number; readonly endMs: number }[] {
    return this.#of('shutdown')
      .map((change) => ({
        startMs: fromMs(change, this.#startMs),
        endMs: untilMs(change, this.#startMs) as number,
      }))
      .sort((a, b) => a.startMs - b.startMs);
  }

  /** What a sensor tells: `value` is so, `noise` is what its reading would have been off by. */
  measure(sensor: string, value: number, noise: number, timeMs: number): number {
    let [told, off] = [value, noise];
    for (const change of this.#changes) {
      if (!('sensor' in change) || change.sensor !== sensor || !isOn(change, timeMs, this.#startMs)) continue;
      if (change.change === 'season') told += change.amplitude * season(timeMs, change.highestDay);
      else if (change.change === 'sensor-rescaled') [told, off] = [told * change.factor, off * change.factor];
      else [told, off] = [told + change.offset, off * change.noiseFactor];
    }
    return told + off;
  }

  #of<K extends Kind>(kind: K): ChangeOf<K>[] {
    return this.#changes.filter((change): change is ChangeOf<K> => change.change === kind);
  }
}

/** In [-1, 1]; 1 on that day of the year. */
function season(timeMs: number, highestDay: number): number {
  const yearStartMs = Date.UTC(new Date(timeMs).getUTCFullYear(), 0);
  return Math.cos((2 * Math.PI * ((timeMs - yearStartMs) / dayMs - highestDay)) / yearDays);
}
