/**
 * Consumer groups inside one process: what the memory log and the embedded log share. Members of a group that
 * consume the same topic share its partitions; a partition moves only after its batch in hand is done and its
 * handler closed. It knows no storage: a `GroupSource` reads and commits. Groups that span processes are
 * Kafka's job and deliberately absent.
 */
import { assert } from '../../domain/assert.js';
import type { Consumer, ConsumerOptions, PartitionId } from '../../domain/log.js';
import { PartitionLoop } from './partition-loop.js';
import { type GroupSource, partitionKey } from './partition-source.js';
import { Turns } from './turns.js';

/**
 * A group that has committed but does not run holds back removal by at most this many records behind the end: long
 * enough for every restart, and an end for groups that will never run again.
 */
export const absentGroupRecordsMax = 1_000_000;

/** All consumers of one log. */
export class Consumers {
  readonly #source: GroupSource;
  readonly #groups = new Map<string, Group>();
  /** Running loops by partition: whom an append wakes. */
  readonly #running = new Map<string, Set<PartitionLoop>>();
  readonly #turns = new Turns();

  constructor(source: GroupSource) {
    this.#source = source;
  }

  /** A topic that does not exist rejects `done`. */
  consume(options: ConsumerOptions): Consumer {
    assert(options.batchRecordsMax >= 1, `batchRecordsMax of at least 1, got ${options.batchRecordsMax}`);
    let group = this.#groups.get(options.group);
    if (!group) {
      group = new Group(this.#source, this.#running, this.#turns);
      this.#groups.set(options.group, group);
    }
    const member = new Member(this.#source, group, options);
    group.join(member);
    return member;
  }

  /** New records of this partition are durable. */
  notify(partition: PartitionId): void {
    const loops = this.#running.get(partitionKey(partition));
    if (loops) for (const loop of loops) loop.wake();
  }

  /**
   * The lowest offset of the partition that a group may still want to read, Infinity without groups. Retention and
   * compaction spare what lies from there on: at an accelerated clock a stage that is a second behind can be weeks
   * behind in plant time, and a stage that catches up must see what it would have seen live.
   *
   * A group that runs is waited for, however far behind it is. One that has committed but does not run (not yet
   * after a restart, or never again) is waited for up to `absentGroupRecordsMax`. `including`: offsets by group that
   * take effect together with the removal.
   */
  neededFrom(partition: PartitionId, including?: ReadonlyMap<string, number>): number {
    let lowest = Infinity;
    const running = new Set<string>();
    const committed = this.#source.committedOffsets(partition);
    for (const { group, neededFrom } of this.#running.get(partitionKey(partition)) ?? []) {
      running.add(group);
      lowest = Math.min(lowest, including?.get(group) ?? committed.get(group) ?? neededFrom);
    }
    for (const [group, offset] of committed) {
      if (running.has(group)) continue;
      const heldFrom = this.#source.bounds(partition).endOffset - absentGroupRecordsMax;
      lowest = Math.min(lowest, Math.max(offset, heldFrom));
    }
    return lowest;
  }

  /** Stops every consumer after its batches in hand. */
  async close(): Promise<void> {
    const members = [...this.#groups.values()].flatMap((group) => group.members);
    await Promise.all(members.map((member) => member.close()));
  }
}

/** One partition as a group sees it: who should have it, and who has it now. */
interface Slot {
  readonly partition: PartitionId;
  wanted: Member | null;
  running: { readonly member: Member; readonly loop: PartitionLoop } | null;
}

class Group {
  members: readonly Member[] = [];
  readonly #slots = new Map<string, Slot>();
  readonly #source: GroupSource;
  readonly #running: Map<string, Set<PartitionLoop>>;
  readonly #turns: Turns;

  constructor(source: GroupSource, running: Map<string, Set<PartitionLoop>>, turns: Turns) {
    this.#source = source;
    this.#running = running;
    this.#turns = turns;
  }

  join(member: Member): void {
    try {
      for (const topic of member.options.topics) {
        const partitionCount = this.#source.partitionCount(topic);
        for (let partition = 0; partition < partitionCount; partition++) {
          const id = { topic, partition };
          if (!this.#slots.has(partitionKey(id)))
            this.#slots.set(partitionKey(id), { partition: id, wanted: null, running: null });
        }
      }
    } catch (error) {
      member.end({ error });
      return;
    }
    this.members = [...this.members, member];
    this.#assign();
  }

  leave(member: Member): void {
    this.members = this.members.filter((other) => other !== member);
    this.#assign();
    this.#endIfIdle(member);
  }

  partitionsOf(member: Member): PartitionId[] {
    return [...this.#slots.values()]
      .filter((slot) => slot.wanted === member)
      .map(({ partition }) => partition);
  }

  wake(member: Member): void {
    for (const { running } of this.#slots.values()) if (running?.member === member) running.loop.wake();
  }

  /** Round robin over the members that consume the topic, in the order in which they joined. */
  #assign(): void {
    for (const slot of this.#slots.values()) {
      const able = this.members.filter((member) => member.options.topics.includes(slot.partition.topic));
      slot.wanted = able[slot.partition.partition % able.length] ?? null;
      this.#settle(slot);
    }
  }

  #settle(slot: Slot): void {
    if (slot.running) {
      if (slot.running.member !== slot.wanted) slot.running.loop.stop();
      return;
    }
    const member = slot.wanted;
    if (!member) return;
    const loop = new PartitionLoop(this.#source, member.options, slot.partition, this.#turns, (position) =>
      member.reached(slot.partition, position),
    );
    slot.running = { member, loop };
    const key = partitionKey(slot.partition);
    const beside = this.#running.get(key) ?? new Set();
    this.#running.set(key, beside.add(loop));
    void loop.run().then((failure) => {
      beside.delete(loop);
      slot.running = null;
      member.lost(slot.partition);
      if (failure) member.fail(failure);
      this.#settle(slot);
      this.#endIfIdle(member);
    });
  }

  #endIfIdle(member: Member): void {
    if (this.members.includes(member)) return;
    for (const { running } of this.#slots.values()) if (running?.member === member) return;
    member.end();
  }
}

interface Failure {
  readonly error: unknown;
}

class Member implements Consumer {
  readonly options: ConsumerOptions;
  readonly done: Promise<void>;
  readonly #source: GroupSource;
  readonly #group: Group;
  #settleDone: (failure: Failure | undefined) => void = () => {};
  /** Settles when the consumer has stopped, for whatever reason. */
  readonly #ended: Promise<void>;
  #failure: Failure | undefined;
  #leaving = false;
  /** While draining: partitions that have not yet reached the end they had when close was called. */
  #draining: Map<string, number> | null = null;

  constructor(source: GroupSource, group: Group, options: ConsumerOptions) {
    this.#source = source;
    this.#group = group;
    this.options = options;
    this.done = new Promise((resolve, reject) => {
      this.#settleDone = (failure) => (failure ? reject(failure.error) : resolve());
    });
    // Who closes waits for the stop; why it stopped is told by `done` alone.
    this.#ended = new Promise((resolve) => {
      const settle = this.#settleDone;
      this.#settleDone = (failure) => {
        settle(failure);
        resolve();
      };
    });
  }

  /** A later close without `drain` cuts a drain short. */
  async close(options: { readonly drain?: boolean } = {}): Promise<void> {
    if (!options.drain) this.#leave();
    else if (!this.#leaving && !this.#draining) {
      const partitions = this.#group.partitionsOf(this);
      this.#draining = new Map(
        partitions.map((partition) => [partitionKey(partition), this.#source.bounds(partition).endOffset]),
      );
      if (partitions.length === 0) this.#leave();
      // Idle loops tell where they are, busy ones will.
      this.#group.wake(this);
    }
    await this.#ended;
  }

  /** A loop of this member has processed everything before `position`. */
  reached(partition: PartitionId, position: number): void {
    const target = this.#draining?.get(partitionKey(partition));
    if (target !== undefined && position >= target) this.lost(partition);
  }

  /** There is nothing more to drain in this partition. */
  lost(partition: PartitionId): void {
    if (this.#draining?.delete(partitionKey(partition)) && this.#draining.size === 0) this.#leave();
  }

  /** A loop of this member failed: the others stop, `done` will reject. */
  fail(failure: Failure): void {
    this.#failure ??= failure;
    this.#leave();
  }

  /** Nothing of this member runs any more. */
  end(failure = this.#failure): void {
    this.#leaving = true;
    this.#settleDone(failure);
  }

  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#group.leave(this);
  }
}
