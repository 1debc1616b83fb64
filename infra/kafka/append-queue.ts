import type { WorldError } from '../../domain/errors.js';
import type { NewRecord } from '../../domain/log.js';
import type { Names } from './names.js';
import type { Addressed, KafkaProducer } from './producer.js';
import { toWire } from './records.js';

/** Records that go out together at most. */
const groupRecordsMax = 20_000;

interface Waiting {
  readonly records: readonly NewRecord[];
  readonly resolve: () => void;
  readonly reject: (error: WorldError) => void;
}

/** Appends one group at a time, in the order of the calls; what is appended meanwhile makes the next group. */
export class AppendQueue {
  readonly #producer: KafkaProducer;
  readonly #names: Names;
  readonly #check: (records: readonly NewRecord[]) => Promise<void>;
  #waiting: Waiting[] = [];
  #pumping: Promise<void> | undefined;

  /** `check` rejects records that cannot be written, before they go out with those of others. */
  constructor(
    producer: KafkaProducer,
    names: Names,
    check: (records: readonly NewRecord[]) => Promise<void>,
  ) {
    this.#producer = producer;
    this.#names = names;
    this.#check = check;
  }

  add(records: readonly NewRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, resolve, reject });
      this.#pumping ??= this.#pump().finally(() => {
        this.#pumping = undefined;
      });
    });
  }

  /** When everything added so far is settled. */
  async drained(): Promise<void> {
    await this.#pumping;
  }

  async #pump(): Promise<void> {
    // The calls of this turn go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = await this.#checked(this.#take());
      if (group.length === 0) continue;
      const records = group.flatMap((one) => one.records.map((record) => address(record, this.#names)));
      try {
        await this.#producer.send(records);
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error as WorldError);
      }
    }
  }

  async #checked(group: readonly Waiting[]): Promise<Waiting[]> {
    const good: Waiting[] = [];
    for (const one of group)
      try {
        await this.#check(one.records);
        good.push(one);
      } catch (error) {
        one.reject(error as WorldError);
      }
    return good;
  }

  #take(): Waiting[] {
    let count = 0;
    let end = 0;
    for (const { records } of this.#waiting) {
      if (end > 0 && count + records.length > groupRecordsMax) break;
      count += records.length;
      end++;
    }
    return this.#waiting.splice(0, end);
  }
}

export function address(record: NewRecord, names: Names): Addressed {
  return { topic: names.topic(record.topic), partition: record.partition, record: toWire(record) };
}
