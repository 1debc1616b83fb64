/** Seeded histories with everything that goes wrong in a plant, and the environment's say over seed and size. */
import type { EventKind, InputRecord } from '../../domain/input.js';
import { type MachineType, type MachineTypeInput, machineTypeSchema } from '../../domain/machine-type.js';
import { Rng } from '../../domain/rng.js';

export const seed = Number(process.env.MILLWRIGHT_SEED ?? 20_240_607);
/** Scales the number of cases of the property tests. */
export const scale = Number(process.env.MILLWRIGHT_CASES_SCALE ?? 1);

const hourMs = 3_600_000;
const sensorNames = ['vibration', 'load', 'heat'];
/** A zone and a day around which something happens to its clocks. */
const places = [
  { timeZone: 'UTC', nearMs: Date.UTC(2024, 4, 1) },
  { timeZone: 'Europe/Berlin', nearMs: Date.UTC(2024, 2, 31) },
  { timeZone: 'America/New_York', nearMs: Date.UTC(2024, 10, 3) },
  { timeZone: 'America/Sao_Paulo', nearMs: Date.UTC(2018, 10, 4) }, // midnight did not exist
  { timeZone: 'Australia/Lord_Howe', nearMs: Date.UTC(2024, 9, 5) }, // half an hour
  { timeZone: 'America/St_Johns', nearMs: Date.UTC(2009, 10, 1) }, // set back across midnight
];

export interface RandomHistory {
  readonly type: MachineType;
  readonly inputs: readonly InputRecord[];
}

export function makeRandomHistory(historySeed: number): RandomHistory {
  const rng = new Rng(historySeed);
  const fixed = rng.uniform() < 0.3;
  const stepMs = fixed ? hourMs : 24 * hourMs;
  const place = places[rng.int(places.length)] as (typeof places)[number];
  const type = machineTypeSchema.parse({
    name: 'press',
    sensors: [
      { name: 'vibration', expectedPerStep: 3, stuckAfter: 2 },
      { name: 'load', min: -1, max: 1, outOfRange: 'flag', setting: true },
      { name: 'heat', aggregates: ['mean', 'std', 'slope', 'last'] },
    ],
    eventCodes: ['E1', 'E2'],
    maintenanceKinds: ['pump', 'belt'],
    attributes: [{ name: 'model', values: ['a', 'b'] }],
    step: fixed ? { kind: 'fixed', durationMs: '1h' } : { kind: 'calendar-day', timeZone: place.timeZone },
    graceMs: rng.uniform() < 0.5 ? '0s' : fixed ? '10m' : '2h',
    revisionSteps: rng.int(4),
    provisionalEveryMs: rng.uniform() < 0.5 ? undefined : fixed ? '25m' : '8h',
    windowSteps: 2,
    contextSteps: 4,
    horizonSteps: 6,
    minimumSteps: 1,
    retireAfterSteps: 1 + rng.int(4),
    failureEndsLife: rng.uniform() < 0.7,
  } satisfies MachineTypeInput);
  const inputs: InputRecord[] = [];
  let nowMs = place.nearMs - 3 * stepMs + rng.int(stepMs);
  const machines = ['a', 'b|1', 'ü'].slice(0, 1 + rng.int(3));
  const recordCount = 20 + rng.int(60);
  const resolutionMs = stepMs / 24; // coarse, so that equal times and the edges of steps are met often
  const eventTime = (): number => {
    const dice = rng.uniform();
    const steps =
      dice < 0.7
        ? -rng.uniform() * 0.3
        : dice < 0.9
          ? -rng.uniform() * 5
          : dice < 0.98
            ? rng.uniform() * 1.5
            : 4;
    return Math.floor((nowMs + steps * stepMs) / resolutionMs) * resolutionMs + rng.int(3) - 1;
  };
  for (let i = 0; i < recordCount; i++) {
    const machine = machines[rng.int(machines.length)] as string;
    const common = { machine, type: 'press', site: 's', line: 'l', ingestTimeMs: nowMs };
    const dice = rng.uniform();
    const again = inputs[rng.int(inputs.length || 1)];
    if (dice < 0.12 && again) {
      inputs.push(again.kind === 'tick' ? again : { ...again, ingestTimeMs: nowMs });
    } else if (dice < 0.3) {
      nowMs += Math.floor(stepMs * (rng.uniform() < 0.1 ? rng.uniform() * 4 : rng.uniform()));
      inputs.push({ kind: 'tick', timeMs: nowMs });
    } else if (dice < 0.45) {
      const [event, code] = randomEvent(rng);
      inputs.push({ kind: 'event', event, ...common, eventTimeMs: eventTime(), code, by: 'x', comment: '' });
    } else {
      const count = 1 + rng.int(6);
      const sensors: string[] = [];
      const timesMs: number[] = [];
      const values: number[] = [];
      let timeMs = eventTime();
      for (let k = 0; k < count; k++) {
        if (rng.uniform() < 0.4) timeMs = eventTime();
        sensors.push(rng.uniform() < 0.01 ? 'unheard-of' : (sensorNames[rng.int(3)] as string));
        timesMs.push(timeMs);
        values.push(rng.uniform() < 0.3 ? 0.5 : 1000 + rng.normal());
      }
      inputs.push({ kind: 'readings', ...common, sensors, timesMs, values });
    }
  }
  return { type, inputs };
}

function randomEvent(rng: Rng): [EventKind, string] {
  const choices: [EventKind, string][] = [
    ['error', 'E1'],
    ['error', 'E2'],
    ['maintenance', 'pump'],
    ['maintenance', 'belt'],
    ['failure', ''],
    ['retired', ''],
    ['acknowledge', 'rule/a/1'],
  ];
  const dice = rng.int(10);
  return choices[dice < 7 ? dice : dice < 9 ? 0 : 2] as [EventKind, string];
}
