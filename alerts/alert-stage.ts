/**
 * Topic `forecasts` → topic `alerts`: runs every rule over every machine of a partition. Reads no clock.
 *
 * State entries: one per machine (`m|MACHINE`: place and the state of each rule) and the newest time the partition
 * has told of (`time`). Restoring them in any order and going on gives the same bytes as never having stopped.
 */
import { Buffer } from 'node:buffer';
import type { AlertRecord } from '../domain/alert.js';
import type {
  Batch,
  Checkpoint,
  NewRecord,
  PartitionHandler,
  PartitionId,
  StateEntry,
} from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import { decodeRecord, encodeRecord, topics } from '../domain/topics.js';
import type { AlertsConfig } from './config.js';
import type { Place } from './episode.js';
import { PartitionRules, type Watched } from './partition-rules.js';
import { bindRules, type Rule } from './rule.js';
import type { RuleState } from './state-machine.js';

export interface AlertStageOptions {
  readonly config: AlertsConfig;
  readonly types: readonly MachineType[];
  /** A checkpoint is due after this many records without one, and whenever there are transitions. Default 1,000. */
  readonly checkpointRecords?: number;
  /** Sees every transition once it is in a checkpoint's outputs: for metrics. */
  readonly onTransition?: (alert: AlertRecord) => void;
}

/** Throws UserError when a rule does not fit a machine type. */
export function makeAlertStage(options: AlertStageOptions): (partition: PartitionId) => PartitionHandler {
  const rulesByType = bindRules(options.config, options.types);
  return ({ partition }) => new AlertHandler(partition, rulesByType, options);
}

function encodeWatched({ place, rules }: Watched): Buffer {
  return Buffer.from(JSON.stringify({ place, rules: [...rules] }));
}

function decodeWatched(value: Buffer): Watched {
  const { place, rules } = JSON.parse(value.toString('utf8')) as {
    place: Place;
    rules: [string, RuleState][];
  };
  return { place, rules: new Map(rules) };
}

const machinePrefix = 'm|';
const timeKey = 'time';

class AlertHandler implements PartitionHandler {
  readonly #partition: number;
  readonly #rules: PartitionRules;
  readonly #checkpointRecords: number;
  readonly #onTransition: (alert: AlertRecord) => void;
  #recordsSinceCheckpoint = 0;
  /** Rules may have changed since the state was written. */
  #restored = false;

  constructor(
    partition: number,
    rulesByType: ReadonlyMap<string, readonly Rule[]>,
    { checkpointRecords = 1000, onTransition = () => {} }: AlertStageOptions,
  ) {
    this.#partition = partition;
    this.#rules = new PartitionRules(rulesByType);
    this.#checkpointRecords = checkpointRecords;
    this.#onTransition = onTransition;
  }

  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    const machines: Watched[] = [];
    let logTimeMs = Number.NEGATIVE_INFINITY;
    for (const { key, value } of state) {
      if (key === timeKey) logTimeMs = Number(value.toString('utf8'));
      else machines.push(decodeWatched(value));
    }
    this.#rules.restore(machines, logTimeMs);
    this.#restored = true;
  }

  process(batch: Batch): Promise<Checkpoint | null> {
    const alerts: AlertRecord[] = this.#restored ? this.#rules.withdrawStrayRules() : [];
    this.#restored = false;
    for (const record of batch.records)
      alerts.push(...this.#rules.take(decodeRecord(topics.forecasts, record), record.offset));
    this.#recordsSinceCheckpoint += batch.records.length;
    for (const alert of alerts) this.#onTransition(alert);
    const last = batch.records.at(-1);
    const due = alerts.length > 0 || this.#recordsSinceCheckpoint >= this.#checkpointRecords;
    return Promise.resolve(due && last !== undefined ? this.#checkpoint(last.offset + 1, alerts) : null);
  }

  close(): void {}

  #checkpoint(nextOffset: number, alerts: readonly AlertRecord[]): Checkpoint {
    const outputs: NewRecord[] = alerts.map((alert) => encodeRecord(topics.alerts, this.#partition, alert));
    const state: StateEntry[] = this.#rules.takeChanged().map((watched) => ({
      key: machinePrefix + watched.place.machine,
      value: encodeWatched(watched),
    }));
    const { logTimeMs } = this.#rules;
    if (Number.isFinite(logTimeMs)) state.push({ key: timeKey, value: Buffer.from(String(logTimeMs)) });
    this.#recordsSinceCheckpoint = 0;
    return { nextOffset, outputs, state };
  }
}
