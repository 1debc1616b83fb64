/**
 * Keeps the newest steps of each machine of one partition of `steps` as rows of features and gives the windows
 * that end with them. Synchronous; what it emits follows from the records alone.
 *
 * A new step gives one window. A revised one gives a window for each origin from it to the newest closed step. A
 * record that is not newer than the one known for its step has no effect. The end of a life takes its rows away.
 */
import type { Buffer } from 'node:buffer';
import { assert } from '../domain/assert.js';
import type { FeatureSpec, FeatureWindow } from '../domain/features.js';
import type { EventRecord } from '../domain/input.js';
import type { StateEntry } from '../domain/log.js';
import type { MachineDirectory } from '../domain/machine-directory.js';
import type { MachineType } from '../domain/machine-type.js';
import { type StepRecord, stepCoverage } from '../domain/step.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { type FeatureWriter, featureSpec, makeFeatureWriter } from './features.js';
import { type LifeRow, LifeRows } from './life-rows.js';
import { WindowMemory } from './window-memory.js';

/** Newest steps of a window whose mean coverage says whether a machine can be assessed. */
export const coverageSteps = 5;

/** A window, and what the forecast from it must say besides. */
export interface IssuedWindow {
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
  /** Of the machine's present life. */
  readonly lifeStartMs: number;
  readonly window: FeatureWindow;
  readonly originMs: number;
  /** Ordinal of the window's newest step in the machine's life. */
  readonly stepIndex: number;
  /** False: the newest step is still open. */
  readonly final: boolean;
  /** Windows given for this origin before. */
  readonly revision: number;
  /** Mean coverage of the newest `coverageSteps` steps of the window. */
  readonly coverage: number;
  /** Sensors without a reading in the newest step. */
  readonly silentSensors: readonly string[];
  /** Sensors with nothing but equal readings there (stuckAfter of the sensor). */
  readonly stuckSensors: readonly string[];
}

const version = 2;
const writer = new ByteWriter();

/** The present life of a machine. */
interface Life {
  readonly type: WindowType;
  readonly lifeStartMs: number;
  readonly rows: LifeRows;
}

/** What all machines of a type share. */
interface WindowType {
  readonly type: MachineType;
  readonly spec: FeatureSpec;
  readonly write: FeatureWriter;
}

export class WindowOperator {
  readonly #types: ReadonlyMap<string, WindowType>;
  readonly #directory: MachineDirectory;
  readonly #lives = new Map<string, Life>();
  readonly #dirty = new Set<string>();
  readonly #removed = new Set<string>();
  readonly #memory = new WindowMemory();

  constructor(types: ReadonlyMap<string, MachineType>, directory: MachineDirectory) {
    this.#types = new Map(
      [...types].map(([name, type]) => [
        name,
        { type, spec: featureSpec(type), write: makeFeatureWriter(type) },
      ]),
    );
    this.#directory = directory;
  }

  /** The windows that a step gives, oldest origin first; none if it says nothing new. */
  step(step: StepRecord): IssuedWindow[] {
    const type = this.#types.get(step.type);
    if (!type) return [];
    const life = this.#lifeOf(step, type);
    if (!life) return [];
    const { rows } = life;
    const { stepIndex } = step;
    if (stepIndex < rows.newestIndex && stepIndex < rows.oldestIndex) return []; // older than all that is kept
    const known = rows.has(stepIndex) ? rows.get(stepIndex) : undefined;
    if (known && known.revision >= step.revision) return [];
    for (const startMs of rows.put(rowOf(step, known?.issuedCount ?? 0), true))
      this.#removed.add(rowKey(step.machine, startMs));
    const { site, line } = step;
    const attributes = this.#directory.find(step.machine, { type: step.type, site, line })?.attributes ?? {};
    type.write(step, attributes, rows.features(stepIndex), 0);
    this.#dirty.add(step.machine);
    const windows: IssuedWindow[] = [];
    for (let origin = stepIndex; origin <= rows.newestIndex; origin++)
      if (origin === stepIndex || (rows.has(origin) && rows.isFinal(origin)))
        windows.push(this.#issue(step, life, origin));
    return windows;
  }

  /** The end of a life, if the event is one. */
  event(event: EventRecord): void {
    const life = this.#lives.get(event.machine);
    if (!life || event.eventTimeMs < life.lifeStartMs) return;
    if (event.event === 'retired' || (event.event === 'failure' && life.type.type.failureEndsLife))
      this.#remove(event.machine, life);
  }

  /** Nobody looks at the windows given so far any more: their memory is used again. */
  releaseWindows(): void {
    this.#memory.release();
  }

  /** State entries changed since the last call. */
  takeChanges(): StateEntry[] {
    const entries: StateEntry[] = [];
    // A row may have come again since: what is removed stands first.
    for (const key of this.#removed) entries.push({ key, value: null });
    for (const machine of this.#dirty) {
      const life = this.#lives.get(machine);
      for (const stepIndex of life?.rows.takeDirty() ?? []) {
        const row = (life as Life).rows.get(stepIndex);
        entries.push({ key: rowKey(machine, row.startMs), value: encodeRow(life as Life, row) });
      }
    }
    this.#removed.clear();
    this.#dirty.clear();
    return entries;
  }

  /** Takes up where the entries were taken; rows made with other features are left behind. */
  restore(entries: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    assert(this.#lives.size === 0, 'restore before the first record');
    const kept: { readonly machine: string; readonly row: DecodedRow }[] = [];
    for (const { key, value } of entries) {
      const row = decodeRow(value, this.#types);
      if (row) kept.push({ machine: key.slice(key.indexOf('|') + 1), row });
      else this.#removed.add(key);
    }
    kept.sort((a, b) => a.row.row.stepIndex - b.row.row.stepIndex);
    for (const { machine, row } of kept) {
      let life = this.#lives.get(machine);
      if (!life) {
        life = beginLife(row.type, row.lifeStartMs);
        this.#lives.set(machine, life);
      }
      for (const startMs of life.rows.put(row.row, false)) this.#removed.add(rowKey(machine, startMs));
      life.rows.features(row.row.stepIndex).set(row.features);
    }
  }

  /** The life that a step belongs to, begun if it is a newer one; undefined if that has ended. */
  #lifeOf(step: StepRecord, type: WindowType): Life | undefined {
    const known = this.#lives.get(step.machine);
    if (known && step.lifeStartMs < known.lifeStartMs) return undefined;
    if (known && step.lifeStartMs === known.lifeStartMs && known.type === type) return known;
    if (known) this.#remove(step.machine, known);
    const life = beginLife(type, step.lifeStartMs);
    this.#lives.set(step.machine, life);
    return life;
  }

  #remove(machine: string, life: Life): void {
    for (const startMs of life.rows.starts()) this.#removed.add(rowKey(machine, startMs));
    this.#lives.delete(machine);
    this.#dirty.delete(machine);
  }

  /** The window of a life that ends with `origin`. */
  #issue({ machine, site, line }: StepRecord, life: Life, origin: number): IssuedWindow {
    const { rows } = life;
    const { spec, type } = life.type;
    const row = rows.get(origin);
    rows.countIssued(origin);
    const stepCount = Math.min(spec.contextSteps, origin - rows.oldestIndex + 1);
    let coverage = 0;
    const coverageCount = Math.min(coverageSteps, stepCount);
    for (let step = origin; step > origin - coverageCount; step--)
      if (rows.has(step)) coverage += rows.coverage(step);
    return {
      machine,
      type: type.name,
      site,
      line,
      lifeStartMs: life.lifeStartMs,
      window: { rows: this.#copyWindow(life, origin), stepCount },
      originMs: row.endMs,
      stepIndex: origin,
      final: row.final,
      revision: row.issuedCount,
      coverage: coverage / coverageCount,
      silentSensors: sensorsMarked(type, row, '1'),
      stuckSensors: sensorsMarked(type, row, '2'),
    };
  }

  /** [C, F] */
  #copyWindow({ rows, type: { spec } }: Life, origin: number): Float32Array {
    const length = spec.contextSteps * spec.names.length;
    const window = this.#memory.take(length);
    const features = rows.featuresUpTo(origin, spec.contextSteps);
    window.fill(Number.NaN, 0, length - features.length).set(features, length - features.length);
    return window;
  }
}

function beginLife(type: WindowType, lifeStartMs: number): Life {
  const rowsMax = type.spec.contextSteps + type.type.revisionSteps;
  return { type, lifeStartMs, rows: new LifeRows(rowsMax, type.spec.names.length) };
}

function rowOf(step: StepRecord, issuedCount: number): LifeRow {
  return {
    startMs: step.startMs,
    endMs: step.endMs,
    stepIndex: step.stepIndex,
    revision: step.revision,
    final: step.final,
    coverage: stepCoverage(step),
    sensorFaults: step.sensors
      .map((sensor, index) => (!sensor ? '1' : step.stuck[index] ? '2' : '0'))
      .join(''),
    issuedCount,
  };
}

const noSensors: readonly string[] = [];

function sensorsMarked(
  { sensors }: MachineType,
  { sensorFaults }: LifeRow,
  mark: '1' | '2',
): readonly string[] {
  if (!sensorFaults.includes(mark)) return noSensors;
  return sensors.filter((_, index) => sensorFaults[index] === mark).map(({ name }) => name);
}

/** Time first: the rows that come and go together lie side by side in a sorted state. */
function rowKey(machine: string, startMs: number): string {
  return `${startMs}|${machine}`;
}

function encodeRow(life: Life, row: LifeRow): Buffer {
  const features = life.rows.features(row.stepIndex);
  writer.byte(version);
  writer.text(life.type.type.name);
  writer.double(life.lifeStartMs);
  writer.double(row.startMs);
  writer.double(row.endMs);
  writer.integer(row.stepIndex);
  writer.integer(row.revision);
  writer.byte(row.final ? 1 : 0);
  writer.double(row.coverage);
  writer.text(row.sensorFaults);
  writer.integer(row.issuedCount);
  writer.integer(features.length);
  writer.floats(features);
  return writer.finish();
}

interface DecodedRow {
  readonly type: WindowType;
  readonly lifeStartMs: number;
  readonly row: LifeRow;
  readonly features: Float32Array;
}

/** Undefined if the row does not fit the configured features. */
function decodeRow(entry: Buffer, types: ReadonlyMap<string, WindowType>): DecodedRow | undefined {
  const reader = new ByteReader(entry);
  const found = reader.byte();
  assert(found === version, `state entries of version ${version}, not ${found}`);
  const type = types.get(reader.text());
  const lifeStartMs = reader.double();
  const row = {
    startMs: reader.double(),
    endMs: reader.double(),
    stepIndex: reader.integer(),
    revision: reader.integer(),
    final: reader.byte() === 1,
    coverage: reader.double(),
    sensorFaults: reader.text(),
    issuedCount: reader.integer(),
  };
  const featureCount = reader.integer();
  if (!type || featureCount !== type.spec.names.length) return undefined;
  const features = new Float32Array(featureCount);
  reader.floats(features);
  return { type, lifeStartMs, row, features };
}
