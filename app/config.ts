/**
 * The deployment file: which machines a plant has, where data is kept, how messages come in. One YAML file, composed
 * of the schemas of the components; parsed once at start, frozen, and passed down. Nothing is opened here.
 */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { alertsConfigSchema } from '../alerts/config.js';
import { durationMs } from '../domain/duration.js';
import { findKafkaProblem } from '../domain/kafka-connection.js';
import { MachineDirectory, type MachineEntry, machineEntrySchema } from '../domain/machine-directory.js';
import { attributeNumber, type MachineType, machineTypeSchema } from '../domain/machine-type.js';
import { secretSchema } from '../domain/secret.js';
import { embeddedBrokerConfigSchema } from '../infra/embedded/broker.js';
import { datasetSchema } from '../infra/files/dataset-config.js';
import { httpConfigSchema } from '../infra/http/ports.js';
import { influxConfigSchema } from '../infra/influx/config.js';
import { kafkaLogConfigSchema } from '../infra/kafka/config.js';
import { mqttSourceConfigSchema } from '../infra/mqtt/source.js';
import { ingestConfigSchema } from '../ingest/config.js';
import { trainingConfigSchema } from '../model/config.js';
import { type Environment, type Problem, problemsError, readYaml } from './config-file.js';
import { defaultTextOf } from './config-options.js';
import { isDuration } from './config-schema.js';
import { suggestion } from './config-suggestion.js';
import { engineNames } from './engine.js';
import { factorySchema } from './simulate/factory-config.js';
import { walkProtocolSchema } from './walk/protocol.js';

const dayMs = 86_400_000;

const plantSchema = z.strictObject({
  name: z.string().min(1).default('Plant').describe('Name of the plant, for people.'),
  site: z.string().default('').describe('Site of machines for which neither topic nor entry names one.'),
});

const logFields = {
  partitions: z
    .number()
    .int()
    .min(1)
    .max(1024)
    .default(4)
    .describe('Machines are spread over this many partitions; it cannot be changed for a log that exists.'),
  retentionMs: durationMs
    .default(90 * dayMs)
    .describe('Readings, events and forecasts older than this may be removed from the log.'),
};

const logSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('embedded').describe('The log is a folder in `dataDir`; nothing to install.'),
    ...logFields,
  }),
  z.strictObject({
    kind: z.literal('kafka').describe('The log is a Kafka cluster; several processes may share the work.'),
    ...kafkaLogConfigSchema.shape,
    ...logFields,
  }),
]);

const storeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('embedded').describe('Forecasts, steps and alerts are kept in a folder in `dataDir`.'),
  }),
  z.strictObject({
    kind: z.literal('influx').describe('They are kept in InfluxDB: 1.8, 1.11, or later by its v1 endpoints.'),
    ...influxConfigSchema.shape,
  }),
]);

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is what a person writes in YAML.
const password = secretSchema.optional().describe('Password; write ${NAME} and keep it in the environment.');

const mqttSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('embedded').describe('Millwright is the MQTT broker itself.'),
    ...embeddedBrokerConfigSchema.shape,
    password,
  }),
  z.strictObject({
    kind: z.literal('client').describe('Messages come from a broker that is there already.'),
    ...mqttSourceConfigSchema.shape,
    password,
  }),
]);

/**
 * One field per component; where a component has its own options, its schema lives beside it and is named here.
 * `config.example.yaml`, the option table and the JSON Schema all follow from this object.
 */
export const deploymentShape = {
  plant: plantSchema.prefault({}).describe('The plant as a whole.'),
  machineTypes: z
    .array(z.string().min(1))
    .min(1, 'name at least one machine-type file')
    .describe('Machine-type files, relative to this file.'),
  machines: z
    .array(machineEntrySchema)
    .min(1, 'name at least one machine, for example - match: "*"')
    .describe(
      'Which machines there are; the first entry that fits an id counts. An entry without a type is of the only type there is.',
    ),
  dataDir: z
    .string()
    .min(1)
    .default('.millwright')
    .describe('Folder for log, store and state, relative to this file.'),
  mqtt: mqttSchema.prefault({ kind: 'embedded' }).describe('Where messages come from.'),
  ingest: ingestConfigSchema
    .prefault({})
    .describe('How messages become readings, and where the time comes from.'),
  log: logSchema.prefault({ kind: 'embedded' }).describe('Where records are kept between the stages.'),
  store: storeSchema.prefault({ kind: 'embedded' }).describe('Where results are kept for page and commands.'),
  model: z
    .strictObject({
      dir: z
        .string()
        .min(1)
        .default('models')
        .describe('Folder of trained networks, one folder per version, relative to this file.'),
      engine: z
        .enum(engineNames)
        .default('onnx')
        .describe(
          'What runs the networks, to train and to forecast. `onnx` comes with Millwright; `tfjs` is TensorFlow.js, which you install beside it.',
        ),
      checkEveryMs: durationMs
        .refine((ms) => ms >= 10, 'must be at least "10ms"')
        .default(5000)
        .describe(
          'How often a running plant looks for a newly trained network, which then takes the place of the one in use.',
        ),
      answerWithinMs: durationMs
        .refine((ms) => ms >= 1, 'must be at least "1ms"')
        .default(2000)
        .describe(
          'Whoever asks for a forecast over HTTP is answered by the simple models when the network takes longer. The plant itself waits for it.',
        ),
      keep: z
        .strictObject({
          retired: z
            .number()
            .int()
            .min(0)
            .default(10)
            .describe('Versions that were in use, or were retired; the oldest beyond this many are deleted.'),
          candidates: z
            .number()
            .int()
            .min(1)
            .default(20)
            .describe('Versions that were never in use, the members of ensembles among them.'),
        })
        .prefault({})
        .describe(
          'Versions kept for each machine type beside those in use and the ones before them, which are never deleted.',
        ),
    })
    .prefault({})
    .describe('The network that forecasts.'),
  alerts: alertsConfigSchema.prefault({}).describe('When people are told, and how.'),
  http: httpConfigSchema.prefault({}).describe('Page and HTTP API.'),
};

export const deploymentSchema = z.strictObject(deploymentShape).superRefine((deployment, context) => {
  const conflict = deployment.ingest.sparkplug && findSparkplugConflict(deployment.mqtt);
  if (conflict) context.addIssue({ code: 'custom', path: ['ingest', 'sparkplug'], message: conflict });
  if (
    deployment.mqtt.kind === 'client' &&
    (deployment.mqtt.certFile === undefined) !== (deployment.mqtt.keyFile === undefined)
  )
    context.addIssue({
      code: 'custom',
      path: ['mqtt', deployment.mqtt.certFile === undefined ? 'keyFile' : 'certFile'],
      message: 'certFile and keyFile belong together; write both or neither',
    });
  const problem = deployment.log.kind === 'kafka' ? findKafkaProblem(deployment.log) : undefined;
  if (problem) context.addIssue({ code: 'custom', path: ['log', problem.field], message: problem.message });
});

/** Why these messages cannot be those of edge nodes; undefined: they can. */
function findSparkplugConflict(mqtt: z.output<typeof mqttSchema>): string | undefined {
  if (mqtt.kind !== 'client')
    return 'Sparkplug B needs a broker that is there already, and mqtt.kind is "embedded"; set it to "client"';
  if (mqtt.sharedGroup !== undefined)
    return `Sparkplug B needs the messages of an edge node in order, which the shared subscription "${mqtt.sharedGroup}" takes apart; leave mqtt.sharedGroup out and run one ingest process`;
  return undefined;
}

export type DeploymentConfig = z.output<typeof deploymentSchema>;

export interface Deployment {
  /** Absolute path of the file. */
  readonly file: string;
  /** Frozen. `dataDir`, `model.dir` and the files of `mqtt`, `log`, `store` and notifiers are absolute paths. */
  readonly config: DeploymentConfig;
  /** Machine types by name. */
  readonly types: ReadonlyMap<string, MachineType>;
  readonly directory: MachineDirectory;
}

/** Reads a deployment file and the machine types it names; throws one UserError with all that is wrong. */
export function loadDeployment(file: string, environment: Environment = process.env): Deployment {
  const read = checkDeployment(file, environment);
  if (!read.ok) throw problemsError(read.problems);
  return read.deployment;
}

export type DeploymentRead =
  | { readonly ok: true; readonly deployment: Deployment }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** As `loadDeployment`, with the problems as values. A file that cannot be read at all throws. */
export function checkDeployment(file: string, environment: Environment = process.env): DeploymentRead {
  const read = readYaml(file, deploymentSchema, environment);
  if (!read.ok) return read;
  const { value, locate } = read;
  const base = dirname(resolve(file));
  const problems: Problem[] = [];
  const types = new Map<string, MachineType>();
  value.machineTypes.forEach((typeFile, index) => {
    const type = readYaml(resolve(base, typeFile), machineTypeSchema, environment);
    if (!type.ok) problems.push(...type.problems);
    else if (types.has(type.value.name))
      problems.push(
        locate(
          ['machineTypes', index],
          `"${typeFile}" is a machine type named ${type.value.name}, as is a file before it; rename one`,
        ),
      );
    else types.set(type.value.name, deepFreeze(type.value));
  });
  if (problems.length > 0) return { ok: false, problems };

  const onlyType = types.size === 1 ? [...types.keys()][0] : undefined;
  const entries: MachineEntry[] = value.machines.map((entry, index) => {
    const typeName = entry.type ?? onlyType;
    const type = typeName === undefined ? undefined : types.get(typeName);
    if (typeName !== undefined && type === undefined)
      problems.push(
        locate(
          ['machines', index, 'type'],
          `got "${typeName}", but no file in machineTypes has that name${suggestion(typeName, [...types.keys()])}`,
        ),
      );
    if (type !== undefined)
      for (const [name, word] of Object.entries(entry.attributes)) {
        const attribute = type.attributes.find((candidate) => candidate.name === name);
        const path = ['machines', index, 'attributes', name];
        const names = type.attributes.map((candidate) => candidate.name);
        if (attribute === undefined)
          problems.push(
            locate(path, `machine type ${type.name} has no attribute "${name}"${suggestion(name, names)}`),
          );
        else if (attribute.values === undefined) {
          if (!Number.isFinite(attributeNumber(word)))
            problems.push(locate(path, `got "${word}"; write a number, such as "12"`));
        } else if (!attribute.values.includes(word))
          problems.push(locate(path, `got "${word}"${suggestion(word, attribute.values)}`));
      }
    return {
      ...entry,
      ...(typeName === undefined ? {} : { type: typeName }),
      site: entry.site ?? value.plant.site,
    };
  });
  if (problems.length > 0) return { ok: false, problems };

  const absolute = (path: string): string => resolve(base, path);
  const config: DeploymentConfig = {
    ...value,
    machines: entries,
    dataDir: absolute(value.dataDir),
    model: { ...value.model, dir: absolute(value.model.dir) },
    mqtt: value.mqtt.kind === 'client' ? absoluteFiles(value.mqtt, absolute) : value.mqtt,
    store: value.store.kind === 'influx' ? absoluteFiles(value.store, absolute) : value.store,
    log: value.log.kind === 'kafka' ? absoluteFiles(value.log, absolute) : value.log,
    alerts: {
      ...value.alerts,
      notifiers: value.alerts.notifiers.map((notifier) =>
        notifier.kind === 'kafka' || notifier.kind === 'email' ? absoluteFiles(notifier, absolute) : notifier,
      ),
    },
  };
  return {
    ok: true,
    deployment: {
      file: resolve(file),
      config: deepFreeze(config),
      types,
      directory: new MachineDirectory(entries),
    },
  };
}

function absoluteFiles<
  T extends { caFile?: string | undefined; certFile?: string | undefined; keyFile?: string | undefined },
>(connection: T, absolute: (path: string) => string): T {
  const made = { ...connection };
  for (const key of ['caFile', 'certFile', 'keyFile'] as const) {
    const path = connection[key];
    if (path !== undefined) made[key] = absolute(path);
  }
  return made;
}

/** Freezes plain objects and arrays all the way down; instances of classes (a Secret) are left as they are. */
function deepFreeze<T>(value: T): T {
  if (
    Array.isArray(value) ||
    (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
  ) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}

/** The kinds of files that people write. */
export const configKinds = ['deployment', 'machine-type', 'data-set', 'training', 'factory', 'walk'] as const;
export type ConfigKind = (typeof configKinds)[number];

const configSchemas = {
  deployment: deploymentSchema,
  'machine-type': machineTypeSchema,
  'data-set': datasetSchema,
  training: trainingConfigSchema,
  factory: factorySchema,
  walk: walkProtocolSchema,
} as const satisfies Record<ConfigKind, z.ZodType>;

export function configSchemaOf(kind: ConfigKind): z.ZodType {
  return configSchemas[kind];
}

/** JSON Schema (2020-12) of what a person writes, for completion and checks in editors. */
export function configJsonSchema(kind: ConfigKind): Readonly<Record<string, unknown>> {
  return {
    title: `Millwright ${kind}`,
    ...z.toJSONSchema(configSchemaOf(kind), {
      io: 'input',
      target: 'draft-2020-12',
      // Defaults are held as they come out of a schema; editors want them as they are written.
      override: ({ zodSchema, jsonSchema }) => {
        if (isDuration(zodSchema)) {
          const text = defaultTextOf(zodSchema);
          if (text !== undefined) jsonSchema.default = text;
        }
        if (jsonSchema.secret === true) {
          delete jsonSchema.secret;
          jsonSchema.writeOnly = true;
        }
      },
    }),
  };
}
