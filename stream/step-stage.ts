/** The stage `inputs` -> `steps`: decodes, runs the step operator, and says what to make durable. */
import type { Buffer } from 'node:buffer';
import type { Batch, Checkpoint, NewRecord, PartitionHandler, PartitionId } from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import { decodeRecord, encodeRecord, topics } from '../domain/topics.js';
import { StepOperator } from './step-operator.js';
import type { StepOutput } from './step-output.js';

/**
 * Makes the handler of each partition of `inputs`. A batch that emits anything ends in a checkpoint; without, one
 * is made after `checkpointRecordsMax` records, so that a restart repeats no more than those, and at the end.
 */
export function makeStepStage(stage: {
  readonly types: ReadonlyMap<string, MachineType>;
  readonly checkpointRecordsMax: number;
}): (partition: PartitionId) => PartitionHandler {
  return ({ partition }) => new StepStage(stage.types, stage.checkpointRecordsMax, partition);
}

class StepStage implements PartitionHandler {
  readonly #operator: StepOperator;
  readonly #checkpointRecordsMax: number;
  readonly #partition: number;
  /** Processed and in no checkpoint; the newest of them ends before `#nextOffset`. */
  #recordsSince = 0;
  #nextOffset = 0;

  constructor(types: ReadonlyMap<string, MachineType>, checkpointRecordsMax: number, partition: number) {
    this.#operator = new StepOperator(types);
    this.#checkpointRecordsMax = checkpointRecordsMax;
    this.#partition = partition;
  }

  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    this.#operator.restore(state);
  }

  process(batch: Batch): Promise<Checkpoint | null> {
    const last = batch.records.at(-1);
    if (!last) return Promise.resolve(null);
    const output: StepOutput = { steps: [], rejected: [] };
    for (const record of batch.records)
      this.#operator.process(decodeRecord(topics.inputs, record), record.offset, output);
    this.#recordsSince += batch.records.length;
    this.#nextOffset = last.offset + 1;
    const outputs: NewRecord[] = [];
    for (const step of output.steps) outputs.push(encodeRecord(topics.steps, this.#partition, step));
    for (const reject of output.rejected)
      outputs.push(encodeRecord(topics.rejected, this.#partition, reject));
    if (outputs.length === 0 && this.#recordsSince < this.#checkpointRecordsMax) return Promise.resolve(null);
    return Promise.resolve(this.#checkpoint(outputs));
  }

  finish(): Checkpoint | null {
    return this.#recordsSince > 0 ? this.#checkpoint([]) : null;
  }

  close(): void {}

  #checkpoint(outputs: readonly NewRecord[]): Checkpoint {
    this.#recordsSince = 0;
    return { nextOffset: this.#nextOffset, outputs, state: this.#operator.takeChanges() };
  }
}
