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

/** Newest steps of a window whose mean coverage says whether a machine can be assessed. */
export const coverageSteps = 5;

/** A window, and what the forecast from it must say besides. */
export interface IssuedWindow {
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
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
}

const version = 1;
const writer = new ByteWriter();

/** One step as a row of features. */
interface Row {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepIndex: number;
  readonly revision: number;
  readonly final: boolean;
  readonly coverage: number;
  /** One character per sensor: '1' without a reading. */
  readonly silent: string;
  readonly features: Float32Array;
  /** Windows given that end with this row. */
  issuedCount: number;
  dirty: boolean;
}

/** The present life of a machine. Rows ascend by step; steps may be missing only where records were lost. */
interface Life {
  readonly type: WindowType;
  readonly lifeStartMs: number;
  readonly rows: Row[];
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
    const at = rows.findLastIndex(({ stepIndex }) => stepIndex <= step.stepIndex);
    const known = at >= 0 && rows[at]?.stepIndex === step.stepIndex ? rows[at] : undefined;
    if (known && known.revision >= step.revision) return [];
    if (!known && rows.length > 0 && at < 0) return []; // older than all that is kept
    const row = this.#rowOf(step, type, known?.issuedCount ?? 0);
    if (known) rows[at] = row;
    else rows.splice(at + 1, 0, row);
    this.#dirty.add(step.machine);
    const rowsMax = type.spec.contextSteps + type.type.revisionSteps;
    while (rows.length > rowsMax) this.#removed.add(rowKey(step.machine, (rows.shift() as Row).startMs));
    return rows
      .slice(rows.indexOf(row))
      .filter((origin) => origin === row || origin.final)
      .map((origin) => issue(step, life, origin));
  }

  /** The end of a life, if the event is one. */
  event(event: EventRecord): void {
    const life = this.#lives.get(event.machine);
    if (!life || event.eventTimeMs < life.lifeStartMs) return;
    if (event.event === 'retired' || (event.event === 'failure' && life.type.type.failureEndsLife))
      this.#remove(event.machine, life);
  }

  /** State entries changed since the last call. */
  takeChanges(): StateEntry[] {
    const entries = new Map<string, Buffer | null>();
    for (const key of this.#removed) entries.set(key, null);
    for (const machine of this.#dirty) {
      const life = this.#lives.get(machine);
      for (const row of life?.rows ?? []) {
        if (life && row.dirty) entries.set(rowKey(machine, row.startMs), encodeRow(life, row));
        row.dirty = false;
      }
    }
    this.#removed.clear();
    this.#dirty.clear();
    return [...entries].map(([key, value]) => ({ key, value }));
  }

  /** Takes up where the entries were taken; rows made with other features are left behind. */
  restore(entries: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    assert(this.#lives.size === 0, 'restore before the first record');
    for (const { key, value } of entries) {
      const machine = key.slice(0, key.lastIndexOf('|'));
      const decoded = decodeRow(value, this.#types);
      if (!decoded) {
        this.#removed.add(key);
        continue;
      }
      const life = this.#lives.get(machine);
      if (life) life.rows.push(decoded.row);
      else this.#lives.set(machine, { ...decoded.life, rows: [decoded.row] });
    }
    for (const { rows } of this.#lives.values()) rows.sort((a, b) => a.stepIndex - b.stepIndex);
  }

  /** The life that a step belongs to, begun if it is a newer one; undefined if that has ended. */
  #lifeOf(step: StepRecord, type: WindowType): Life | undefined {
    const known = this.#lives.get(step.machine);
    if (known && step.lifeStartMs < known.lifeStartMs) return undefined;
    if (known && step.lifeStartMs === known.lifeStartMs && known.type === type) return known;
    if (known) this.#remove(step.machine, known);
    const life: Life = { type, lifeStartMs: step.lifeStartMs, rows: [] };
    this.#lives.set(step.machine, life);
    return life;
  }

  #remove(machine: string, life: Life): void {
    for (const row of life.rows) this.#removed.add(rowKey(machine, row.startMs));
    this.#lives.delete(machine);
    this.#dirty.delete(machine);
  }

  #rowOf(step: StepRecord, type: WindowType, issuedCount: number): Row {
    const { site, line } = step;
    const features = new Float32Array(type.spec.names.length);
    const attributes = this.#directory.find(step.machine, { type: step.type, site, line })?.attributes ?? {};
    type.write(step, attributes, features, 0);
    return {
      startMs: step.startMs,
      endMs: step.endMs,
      stepIndex: step.stepIndex,
      revision: step.revision,
      final: step.final,
      coverage: stepCoverage(step),
      silent: step.sensors.map((sensor) => (sensor ? '0' : '1')).join(''),
      features,
      issuedCount,
      dirty: true,
    };
  }
}

/** The window of a life that ends with `origin`. */
function issue({ machine, site, line }: StepRecord, life: Life, origin: Row): IssuedWindow {
  const { spec, type } = life.type;
  const { contextSteps } = spec;
  const featureCount = spec.names.length;
  const rows = new Float32Array(contextSteps * featureCount).fill(Number.NaN);
  const firstIndex = (life.rows[0] as Row).stepIndex;
  const stepCount = Math.min(contextSteps, origin.stepIndex - firstIndex + 1);
  let coverage = 0;
  for (const row of life.rows) {
    if (row.stepIndex > origin.stepIndex) break;
    const at = contextSteps - 1 - (origin.stepIndex - row.stepIndex);
    if (at < 0) continue;
    rows.set(row.features, at * featureCount);
    if (row.stepIndex > origin.stepIndex - coverageSteps) coverage += row.coverage;
  }
  const revision = origin.issuedCount++;
  origin.dirty = true;
  return {
    machine,
    type: type.name,
    site,
    line,
    window: { rows, stepCount },
    originMs: origin.endMs,
    stepIndex: origin.stepIndex,
    final: origin.final,
    revision,
    coverage: coverage / Math.min(coverageSteps, stepCount),
    silentSensors: type.sensors.filter((_, index) => origin.silent[index] === '1').map(({ name }) => name),
  };
}

function rowKey(machine: string, startMs: number): string {
  return `${machine}|${startMs}`;
}

function encodeRow(life: Life, row: Row): Buffer {
  writer.byte(version);
  writer.text(life.type.type.name);
  writer.double(life.lifeStartMs);
  writer.double(row.startMs);
  writer.double(row.endMs);
  writer.integer(row.stepIndex);
  writer.integer(row.revision);
  writer.byte(row.final ? 1 : 0);
  writer.double(row.coverage);
  writer.text(row.silent);
  writer.integer(row.issuedCount);
  writer.integer(row.features.length);
  writer.floats(row.features);
  return writer.finish();
}

/** Undefined if the row does not fit the configured features. */
function decodeRow(
  entry: Buffer,
  types: ReadonlyMap<string, WindowType>,
): { readonly life: Omit<Life, 'rows'>; readonly row: Row } | undefined {
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
    silent: reader.text(),
    issuedCount: reader.integer(),
  };
  const featureCount = reader.integer();
  if (!type || featureCount !== type.spec.names.length) return undefined;
  const features = new Float32Array(featureCount);
  reader.floats(features);
  return { life: { type, lifeStartMs }, row: { ...row, features, dirty: false } };
}
