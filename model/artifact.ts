/**
 * The folder of one trained version: written once, whole or not at all, never changed.
 *
 *   model.onnx            raw features in, failure probabilities out
 *   preprocessing.json    feature names, order, units, window, horizon, statistics
 *   training-log.jsonl    a line per validation
 *   metrics.json          how good it was on the validation machines
 *   card.md               the same for people: data, metrics, cost, limits
 *   fallback.json         the simple models that stand in for the network; not in versions of before there were any
 *   reference.json        what the features were like in training, for drift; not in versions of before it was kept
 *   manifest.json         hash of every file above, version, code version, lineage
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../domain/errors.js';
import type { CalibrationMethod } from './calibration/calibrate.js';
import type { LifeInterval } from './calibration/life-interval.js';
import { writeCard } from './card.js';
import { writeDurably } from './durable-file.js';
import { ensemblePreprocessingSchema, isEnsembleVersion, type StoredPreprocessing } from './ensemble.js';
import { type StoredSimpleModels, simpleModelsSchema } from './fallback/simple-models.js';
import type { FinishedModel } from './finish.js';
import { checkFits } from './fit.js';
import { type Lineage, lineageSchema } from './lineage.js';
import { hashPreprocessing, preprocessingSchema } from './preprocessing.js';
import type { Quantization } from './quantized-artifact.js';
import { type Reference, referenceSchema } from './reference.js';
import type { TrainedNetwork } from './trained-network.js';
import { isValueVersion, valuePreprocessingSchema } from './values/value-preprocessing.js';

export interface WrittenArtifact<Metrics = ArtifactMetrics> {
  readonly version: string;
  readonly directory: string;
  readonly metrics: Metrics;
}

const formatVersion = 1;
const hashedFiles = [
  'model.onnx',
  'preprocessing.json',
  'training-log.jsonl',
  'metrics.json',
  'card.md',
] as const;
const simpleModelsFile = 'fallback.json';
const referenceFile = 'reference.json';
type HashedFile = (typeof hashedFiles)[number] | typeof simpleModelsFile | typeof referenceFile;

const manifestSchema = z.strictObject({
  formatVersion: z.literal(formatVersion),
  version: z.string().regex(/^[a-z0-9-]+$/),
  codeVersion: z.string(),
  spec: preprocessingSchema.shape.spec,
  /** Hash over the whole preprocessing. */
  preprocessingHash: z.string(),
  files: z.record(z.string(), z.string()),
  /** Versions of before this was kept have none. */
  lineage: lineageSchema.optional(),
});
type Manifest = z.output<typeof manifestSchema>;

export interface ArtifactMetrics {
  readonly validationLoss: number;
  readonly validationMeanBrier: number;
  /** Day 1..H; null where no origin's outcome is known. */
  readonly validationBrier: readonly (number | null)[];
  readonly trainingMachineCount: number;
  readonly validationMachineCount: number;
  readonly trainingOriginCount: number;
  readonly validationOriginCount: number;
  readonly bestStep: number;
  readonly trainedMs: number;
  /** What it has seen; artifacts of before this was kept have none. */
  readonly seen?: SeenData;
  /** How the curve was calibrated; not there where it was left as it is. Scores are of machines not fitted to. */
  readonly calibration?: {
    readonly method: CalibrationMethod;
    /** Days of the horizon, from 1. */
    readonly days: readonly number[];
    readonly brierBefore: number;
    readonly brierAfter: number;
  };
  /** Intervals of the remaining life; not there where none are given. */
  readonly lifeInterval?: LifeInterval;
  /** Version that it was distilled from, and the weight of what that says in its labels. */
  readonly teacher?: NonNullable<TrainedNetwork['teacher']>;
  /** Only of versions in int8. */
  readonly quantization?: Quantization;
}

/** Machines and time that a network knows, so that nobody judges it by them unknowingly. */
export interface SeenData {
  /** Learned from. */
  readonly trainingMachines: readonly string[];
  /** Not learned from, but early stopping went by them. */
  readonly validationMachines: readonly string[];
  /** The last origin learned from. */
  readonly trainedUntilMs: number;
}

const sha256 = (content: Uint8Array | string) => createHash('sha256').update(content).digest('hex');

/** Writes the artifact of one trained network; see writeVersion. */
export async function writeArtifact(
  modelsDirectory: string,
  trained: TrainedNetwork,
  finished: FinishedModel,
  codeVersion: string,
): Promise<WrittenArtifact> {
  const metrics = { ...metricsOf(trained), ...finishMetrics(finished) };
  return writeVersion(modelsDirectory, codeVersion, {
    family: trained.shape.cell,
    model: finished.model,
    preprocessing: trained.preprocessing,
    log: trained.log,
    metrics,
    card: (version) => writeCard(version, trained, finished),
    lineage: lineageOf(trained),
    simpleModels: finished.simpleModels,
    reference: finished.reference,
  });
}

/** What one version is made of. */
export interface VersionContents<Metrics = ArtifactMetrics> {
  /** First part of its name. */
  readonly family: string;
  readonly model: Uint8Array;
  readonly preprocessing: StoredPreprocessing;
  /** A line each in training-log.jsonl. */
  readonly log: readonly unknown[];
  readonly metrics: Metrics;
  readonly lineage: Lineage | undefined;
  card(version: string): string;
  /** Left out: nothing stands in for it. */
  readonly simpleModels?: StoredSimpleModels | undefined;
  /** Left out: nothing is known of what it was trained on. */
  readonly reference?: Reference | undefined;
}

/** What the model file says of itself. */
export function modelMetadata(preprocessing: StoredPreprocessing): Readonly<Record<string, string>> {
  return {
    'millwright.machineType': preprocessing.spec.machineType,
    'millwright.preprocessing': hashPreprocessing(preprocessing),
  };
}

/**
 * Writes the folder `<modelsDirectory>/<version>`: into a temporary one first, then renamed. The version is a hash of
 * the model and its preprocessing: the same training gives the same version, and writing it again is harmless.
 */
export async function writeVersion<Metrics>(
  modelsDirectory: string,
  codeVersion: string,
  {
    family,
    model,
    preprocessing,
    log,
    metrics,
    lineage,
    card,
    simpleModels,
    reference,
  }: VersionContents<Metrics>,
): Promise<WrittenArtifact<Metrics>> {
  const version = `${family}-${sha256(model).slice(0, 12)}`;
  const contents: Partial<Record<HashedFile, Uint8Array | string>> = {
    'model.onnx': model,
    'preprocessing.json': json(preprocessing),
    'training-log.jsonl': log.map((line) => `${JSON.stringify(line)}\n`).join(''),
    'metrics.json': json(metrics),
    'card.md': card(version),
    ...(simpleModels && { [simpleModelsFile]: json(simpleModels) }),
    // On one line: a number a line would make it four times as large.
    ...(reference && { [referenceFile]: `${JSON.stringify(reference)}\n` }),
  };
  const files = Object.entries(contents);
  const manifest: Manifest = {
    formatVersion,
    version,
    codeVersion,
    spec: preprocessing.spec,
    preprocessingHash: hashPreprocessing(preprocessing),
    files: Object.fromEntries(files.map(([file, content]) => [file, sha256(content)])),
    ...(lineage && { lineage }),
  };

  await mkdir(modelsDirectory, { recursive: true });
  const directory = join(modelsDirectory, version);
  const temporary = await mkdtemp(join(modelsDirectory, `.${version}-`));
  try {
    for (const [file, content] of files) await writeDurably(join(temporary, file), content);
    await writeDurably(join(temporary, 'manifest.json'), json(manifest));
    await rm(directory, { recursive: true, force: true });
    await rename(temporary, directory);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  return { version, directory, metrics };
}

export interface ReadArtifact {
  readonly version: string;
  readonly preprocessing: StoredPreprocessing;
  readonly model: Uint8Array;
  readonly metrics: ArtifactMetrics;
  readonly codeVersion: string;
  readonly lineage: Lineage | undefined;
  /** SHA-256 by file. */
  readonly hashes: Readonly<Record<string, string>>;
  /** undefined in versions of before there were any, and of those that nothing stands in for. */
  readonly simpleModels: StoredSimpleModels | undefined;
}

/** Reads files of a folder; all of it throws UserError. */
interface FolderReader {
  fault(what: string, cause?: unknown): UserError;
  read(file: string): Promise<Uint8Array>;
  parse<T>(file: string, content: Uint8Array, schema: z.ZodType<T>): T;
  /** A file whose hash the manifest holds. */
  readHashed(file: HashedFile, manifest: Manifest): Promise<Uint8Array>;
}

function folderReader(directory: string): FolderReader {
  const fault = (what: string, cause?: unknown) =>
    new UserError(
      `The model in ${directory} cannot be used: ${what}. Train it again with \`millwright train\`, or restore the folder from a backup.`,
      { cause },
    );
  const read = async (file: string): Promise<Uint8Array> => {
    try {
      return await readFile(join(directory, file));
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      throw fault(
        code === 'ENOENT' ? `${file} is missing` : `${file} cannot be read (${code ?? String(cause)})`,
        cause,
      );
    }
  };
  const parse = <T>(file: string, content: Uint8Array, schema: z.ZodType<T>): T => {
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(content));
    } catch (cause) {
      throw fault(`${file} is not JSON`, cause);
    }
    const format = (value as { formatVersion?: unknown } | null)?.formatVersion;
    if (format !== formatVersion)
      throw fault(`${file} has format version ${String(format)}, this Millwright reads ${formatVersion}`);
    const result = schema.safeParse(value);
    if (!result.success) {
      const [issue] = result.error.issues;
      throw fault(
        `${file} is not as it should be at ${issue?.path.join('.') || 'its top'}: ${issue?.message}`,
      );
    }
    return result.data;
  };
  const readHashed = async (file: HashedFile, manifest: Manifest): Promise<Uint8Array> => {
    const content = await read(file);
    if (manifest.files[file] === undefined) throw fault(`manifest.json has no hash of ${file}`);
    if (sha256(content) !== manifest.files[file])
      throw fault(`${file} was changed after it was written (its hash differs)`);
    return content;
  };
  return { fault, read, parse, readHashed };
}

async function readManifest(
  { fault, read, parse }: FolderReader,
  running: string | undefined,
): Promise<Manifest> {
  const manifest = parse('manifest.json', await read('manifest.json'), manifestSchema);
  if (running !== undefined && !sameFeatures(manifest.codeVersion, running))
    throw fault(
      `it was trained by Millwright ${manifest.codeVersion} and this is ${running}, which may compute features otherwise`,
    );
  return manifest;
}

/**
 * The simple models alone, of a version whose network cannot be used; undefined where there are none. Throws UserError
 * where they cannot be used either.
 */
export async function readSimpleModels(
  directory: string,
  running?: string,
): Promise<{ readonly version: string; readonly stored: StoredSimpleModels } | undefined> {
  const reader = folderReader(directory);
  const manifest = await readManifest(reader, running);
  const stored = await simpleModelsOf(reader, manifest);
  return stored && { version: manifest.version, stored };
}

async function simpleModelsOf(
  { fault, parse, readHashed }: FolderReader,
  manifest: Manifest,
): Promise<StoredSimpleModels | undefined> {
  if (manifest.files[simpleModelsFile] === undefined) return undefined;
  const content = await readHashed(simpleModelsFile, manifest);
  const stored = parse(simpleModelsFile, content, simpleModelsSchema);
  const misfit = checkFits(stored.smoothing.preprocessing.spec, manifest.spec, {
    have: simpleModelsFile,
    want: 'manifest.json',
  });
  if (misfit !== undefined) throw fault(`${simpleModelsFile} and manifest.json disagree: ${misfit}`);
  return stored;
}

/** What the features were like in training; undefined of a version that keeps none. Throws UserError where it cannot be used. */
export async function readReference(directory: string): Promise<Reference | undefined> {
  const reader = folderReader(directory);
  const manifest = await readManifest(reader, undefined);
  if (manifest.files[referenceFile] === undefined) return undefined;
  const content = await reader.readHashed(referenceFile, manifest);
  return reader.parse(referenceFile, content, referenceSchema);
}

/**
 * Reads and verifies a folder. Throws UserError, in a sentence that names the fault, whatever is wrong with it.
 * `running`: version of the program that will serve it; left out, any will do.
 */
export async function readArtifact(directory: string, running?: string): Promise<ReadArtifact> {
  const reader = folderReader(directory);
  const { fault, read, parse } = reader;
  const manifest = await readManifest(reader, running);
  // Features first: that their order was changed says more than that a hash differs.
  const preprocessing = parse<StoredPreprocessing>(
    'preprocessing.json',
    await read('preprocessing.json'),
    preprocessingSchemaOf(manifest.version),
  );
  const misfit = checkFits(manifest.spec, preprocessing.spec, {
    have: 'manifest.json',
    want: 'preprocessing.json',
  });
  if (misfit !== undefined) throw fault(`manifest.json and preprocessing.json disagree: ${misfit}`);
  const contents = new Map<HashedFile, Uint8Array>();
  for (const file of hashedFiles) contents.set(file, await reader.readHashed(file, manifest));
  const model = contents.get('model.onnx') as Uint8Array;
  if (hashPreprocessing(preprocessing) !== manifest.preprocessingHash)
    throw fault('preprocessing.json belongs to another model (its statistics are not those of the manifest)');
  if (!manifest.version.endsWith(`-${sha256(model).slice(0, 12)}`))
    throw fault(`model.onnx is not that of version ${manifest.version}`);
  // Its hash is right, so it is what writeVersion wrote.
  const metrics = JSON.parse(new TextDecoder().decode(contents.get('metrics.json'))) as ArtifactMetrics;
  const simpleModels = await simpleModelsOf(reader, manifest);
  const { version, codeVersion, lineage, files: hashes } = manifest;
  return { version, preprocessing, model, metrics, codeVersion, lineage, hashes, simpleModels };
}

/** Releases of one minor version compute the same features from the same readings. */
function sameFeatures(trained: string, running: string): boolean {
  const minor = (version: string) => version.split('.').slice(0, 2).join('.');
  return minor(trained) === minor(running);
}

function preprocessingSchemaOf(version: string): z.ZodType<StoredPreprocessing> {
  if (isEnsembleVersion(version)) return ensemblePreprocessingSchema;
  return isValueVersion(version) ? valuePreprocessingSchema : preprocessingSchema;
}

function metricsOf(trained: TrainedNetwork): ArtifactMetrics {
  return {
    validationLoss: trained.validation.loss,
    validationMeanBrier: trained.validation.meanBrier,
    validationBrier: trained.validation.brier.map((value) => (Number.isNaN(value) ? null : value)),
    trainingMachineCount: new Set(trained.trainingMachines).size,
    validationMachineCount: new Set(trained.validationMachines).size,
    trainingOriginCount: trained.trainingOriginCount,
    validationOriginCount: trained.validationOriginCount,
    bestStep: trained.bestStep,
    trainedMs: trained.trainedMs,
    seen: {
      trainingMachines: unique(trained.trainingMachines),
      validationMachines: unique(trained.validationMachines),
      trainedUntilMs: trained.trainedUntilMs,
    },
    ...(trained.teacher && { teacher: trained.teacher }),
  };
}

function lineageOf({ config, seed, data, teacher }: TrainedNetwork): Lineage {
  return {
    parents: teacher ? [{ version: teacher.version, as: 'teacher' }] : [],
    data,
    config: { ...config },
    seed,
  };
}

function finishMetrics({ calibration, lifeInterval }: FinishedModel): Partial<ArtifactMetrics> {
  return {
    ...(calibration && {
      calibration: {
        method: calibration.method,
        days: calibration.days.flatMap((day, index) => (day === null ? [] : [index + 1])),
        brierBefore: calibration.brierBefore,
        brierAfter: calibration.brierAfter,
      },
    }),
    ...(lifeInterval && { lifeInterval }),
  };
}

const unique = (names: readonly string[]) => [...new Set(names)];

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
