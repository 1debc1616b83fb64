/** What a simulated factory is made of (YAML): machines, how they wear, and what goes wrong on the way of the messages. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { durationMs } from '../../domain/duration.js';
import { type MachineType, machineTypeSchema, nameSchema } from '../../domain/machine-type.js';
import { type Environment, type Locate, type Problem, problemsError, readYaml } from '../config-file.js';
import { suggestion } from '../config-suggestion.js';
import { misfitsIn, type Scenario, scenarioFileSchema, scenarioSchema } from './scenario.js';

const hourMs = 3_600_000;
const share = z.number().min(0).max(1);
const sensorProfileSchema = z.strictObject({
  base: z.number().describe('Value of a new machine at full load, in the unit of the sensor.'),
  noise: z.number().min(0).describe('Standard deviation of a reading.'),
  loadGain: z
    .number()
    .default(0)
    .describe('Added for every unit of load above full (load is 1 in shifts, 0.6 at night and on Sundays).'),
  dirtGain: z.number().default(0).describe('Added from one service to the next.'),
});

const faultSchema = z.strictObject({
  name: nameSchema.describe(
    'What fails: the code of the failure, and the kind of maintenance that replaces it.',
  ),
  errorCode: nameSchema.optional().describe('Error that machines report more often as this fault grows.'),
  tauDays: z
    .number()
    .positive()
    .default(8)
    .describe('The signal of the fault grows e-fold in this many days; at the failure it is 1.'),
  effects: z
    .record(z.string(), z.number())
    .describe('Sensor → what the fault adds to it at the failure, in the unit of the sensor.'),
});

export const factorySchema = z.strictObject({
  machineType: z.string().min(1).describe('Machine-type file, relative to this file.'),
  seed: z.number().int().default(1).describe('The same seed gives the same bytes.'),
  machines: z.number().int().min(1).max(1_000_000).default(20).describe('Number of machines.'),
  site: nameSchema.default('north').describe('Site in the topics.'),
  machinesPerLine: z
    .number()
    .int()
    .min(1)
    .default(10)
    .describe('Machines of one line share a gateway and go offline together.'),
  startAt: z.iso
    .datetime()
    .default('2026-01-01T00:00:00Z')
    .describe('Start, UTC.')
    .transform((text) => Date.parse(text)),
  days: z.number().positive().max(36_500).default(120).describe('Length in days.'),
  everyMs: durationMs
    .default(hourMs)
    .refine((value) => value >= 1, 'must be at least 1ms')
    .describe('A machine sends all its sensors this often.'),
  life: z
    .strictObject({
      scaleDays: z.number().positive().default(70).describe('Scale of the Weibull distribution of lives.'),
      shape: z.number().positive().default(4).describe('Shape of it: higher, and lives are more alike.'),
    })
    .prefault({})
    .describe('How long a part lasts.'),
  repairMs: durationMs
    .default(18 * hourMs)
    .describe('Mean time that a machine stands still after a failure.'),
  sensors: z
    .record(z.string(), sensorProfileSchema)
    .default({})
    .describe('Sensor → how it behaves. Default: derived from the range of the sensor.'),
  faults: z
    .array(faultSchema)
    .default([])
    .describe('What can fail; each life ends with one of them. Default: one fault that moves every sensor.'),
  errorsPerDay: z
    .strictObject({
      healthy: z.number().min(0).default(0.01).describe('Of each error code, on a healthy machine.'),
      failing: z.number().min(0).default(3).describe('Of the code of the fault, at the failure.'),
    })
    .prefault({})
    .describe('How often machines report errors.'),
  maintenance: z
    .strictObject({
      everyDays: z.number().positive().default(30).describe('Planned services are this far apart.'),
      kind: nameSchema.default('service').describe('Kind of maintenance in its event.'),
      detectShare: share
        .default(0.3)
        .describe(
          'Share of the services that find a growing fault (signal over 0.2) and replace the part in time.',
        ),
    })
    .prefault({})
    .describe('Planned maintenance.'),
  trouble: z
    .strictObject({
      delayMs: durationMs.default(500).describe('Mean delay of a message.'),
      gatewayOutagesPerMonth: z.number().min(0).default(2).describe('How often a gateway goes offline.'),
      gatewayOutageMs: durationMs
        .default(6 * hourMs)
        .describe('Mean length of it; the backlog comes afterwards.'),
      backlog: z
        .enum(['in-order', 'shuffled'])
        .default('in-order')
        .describe('In which order the backlog comes.'),
      skewedShare: share.default(0.1).describe('Share of machines whose clock is wrong.'),
      skewMs: durationMs.default(120_000).describe('By up to this much, either way.'),
      duplicateShare: share.default(0.01).describe('Share of messages that come twice.'),
      sensorFaultsPerMonth: z
        .number()
        .min(0)
        .default(0.3)
        .describe('How often a sensor of a machine goes silent or sticks.'),
      sensorFaultMs: durationMs.default(24 * hourMs).describe('Mean length of it.'),
    })
    .prefault({})
    .describe('What goes wrong between machine and broker.'),
  scenario: scenarioSchema,
});

export type FactoryConfig = z.output<typeof factorySchema>;
export type SensorProfile = z.output<typeof sensorProfileSchema>;
export type Fault = z.output<typeof faultSchema>;

export interface Factory {
  readonly config: FactoryConfig;
  readonly type: MachineType;
  /** One per sensor of the type, in its order. */
  readonly profiles: readonly SensorProfile[];
  /** At least one. */
  readonly faults: readonly Fault[];
}

export type FactoryRead =
  | { readonly ok: true; readonly factory: Factory }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads a factory file and the machine type that it names; throws one UserError with all that is wrong. */
export function loadFactory(file: string, environment: Environment = process.env): Factory {
  const read = checkFactory(file, environment);
  if (!read.ok) throw problemsError(read.problems);
  return read.factory;
}

/** As `loadFactory`, with the problems as values. A file that cannot be read at all throws. */
export function checkFactory(file: string, environment: Environment = process.env): FactoryRead {
  const read = readYaml(file, factorySchema, environment);
  if (!read.ok) return read;
  const typeRead = readYaml(resolve(dirname(file), read.value.machineType), machineTypeSchema, environment);
  if (!typeRead.ok) return typeRead;
  const type = typeRead.value;
  const names = type.sensors.map((sensor) => sensor.name);
  const problems: Problem[] = [];
  const check = (
    word: string,
    known: readonly string[],
    path: readonly PropertyKey[],
    what: string,
  ): void => {
    if (!known.includes(word))
      problems.push(
        read.locate(path, `machine type ${type.name} has no ${what} "${word}"${suggestion(word, known)}`),
      );
  };
  for (const name of Object.keys(read.value.sensors)) check(name, names, ['sensors', name], 'sensor');
  read.value.faults.forEach((fault, index) => {
    for (const name of Object.keys(fault.effects))
      check(name, names, ['faults', index, 'effects', name], 'sensor');
    if (fault.errorCode !== undefined)
      check(fault.errorCode, type.eventCodes, ['faults', index, 'errorCode'], 'event code');
    check(fault.name, type.maintenanceKinds, ['faults', index, 'name'], 'maintenance kind');
  });
  if (type.maintenanceKinds.length > 0)
    check(read.value.maintenance.kind, type.maintenanceKinds, ['maintenance', 'kind'], 'maintenance kind');
  const factory = makeFactory(read.value, type);
  problems.push(...scenarioProblems(read.value.scenario, factory, read.locate));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, factory };
}

/** The factory with the changes of a scenario file in place of its own; throws one UserError with all that is wrong. */
export function withScenario(
  factory: Factory,
  file: string,
  environment: Environment = process.env,
): Factory {
  const read = readYaml(file, scenarioFileSchema, environment);
  if (!read.ok) throw problemsError(read.problems);
  const { scenario } = read.value;
  const problems = scenarioProblems(scenario, factory, read.locate);
  if (problems.length > 0) throw problemsError(problems);
  return { ...factory, config: { ...factory.config, scenario } };
}

function scenarioProblems(scenario: Scenario, factory: Factory, locate: Locate): Problem[] {
  const places = Array.from({ length: factory.config.machines }, (_, index) => placeOf(factory, index));
  const names = {
    sensors: factory.type.sensors.map(({ name }) => name),
    machines: places.map(({ id }) => id),
    lines: [...new Set(places.map(({ line }) => line))],
  };
  return misfitsIn(scenario, names).map(({ path, word, what, known }) =>
    locate(path, `the factory has no ${what} "${word}"${suggestion(word, known)}`),
  );
}

/** Id and place of the machine with this index: `press-001` on `line-1`. */
export function placeOf(
  { config, type }: Pick<Factory, 'config' | 'type'>,
  index: number,
): { readonly id: string; readonly site: string; readonly line: string } {
  return {
    id: `${type.name}-${String(index + 1).padStart(3, '0')}`,
    site: config.site,
    line: `line-${Math.floor(index / config.machinesPerLine) + 1}`,
  };
}

/** Fills in what the config leaves to the machine type: profiles from the ranges, one fault that moves every sensor. */
export function makeFactory(config: FactoryConfig, type: MachineType): Factory {
  const profiles = type.sensors.map((sensor): SensorProfile => {
    const span = spanOf(sensor);
    return (
      config.sensors[sensor.name] ?? {
        base: (sensor.min ?? 0) + span / 2,
        noise: span / 100,
        loadGain: span / 10,
        dirtGain: 0,
      }
    );
  });
  const [errorCode] = type.eventCodes;
  const wear: Fault = {
    name: 'wear',
    ...(errorCode === undefined ? {} : { errorCode }),
    tauDays: 8,
    effects: Object.fromEntries(
      type.sensors.filter((sensor) => !sensor.setting).map((sensor) => [sensor.name, spanOf(sensor) / 5]),
    ),
  };
  return { config, type, profiles, faults: config.faults.length > 0 ? config.faults : [wear] };
}

function spanOf(sensor: MachineType['sensors'][number]): number {
  return sensor.max === undefined ? 100 : sensor.max - (sensor.min ?? 0);
}
