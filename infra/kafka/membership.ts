/**
 * Membership in a consumer group: join, be assigned partitions, tell the coordinator that we live. It runs beside the
 * work, on connections of its own, so that neither a long batch nor a slow join of others holds anything up.
 *
 * A rebalance takes nothing away until the new assignment is known: a partition that stays is not interrupted. That two
 * members may hold one partition for a moment does no harm, since the later one fences the earlier (checkpoints.ts).
 */
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import type { WorldError } from '../../domain/errors.js';
import type { PartitionId } from '../../domain/log.js';
import { assignPartitions, type GroupMember } from './assignment.js';
import type { KafkaClient } from './client.js';
import { classifyKafkaError, protocolError } from './errors.js';
import type { Broker } from './wire.js';

const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;
const protocolName = 'millwright-sticky';

export interface MembershipOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** What this member has in hand now. */
  owned(): readonly PartitionId[];
  /** What it shall have from now on. */
  onAssigned(partitions: readonly PartitionId[]): void;
  /** What fails and is tried again; null when all is well. */
  onProblem(problem: WorldError | null): void;
}

const retryMsFirst = 100;
const retryMsMax = 5_000;
/** How long the coordinator waits for members to join again before it goes on without them. */
const rebalanceTimeoutMs = 60_000;

export class Membership {
  readonly #client: KafkaClient;
  readonly #options: MembershipOptions;
  #memberId = '';
  #generationId: number | undefined;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #confirmWaiters: (() => void)[] = [];
  #hurry: (() => void) | undefined;

  constructor(client: KafkaClient, options: MembershipOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Resolves after `close`; rejects with a WorldError that is not retryable. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    let retryMs = retryMsFirst;
    while (!this.#closing.signal.aborted) {
      try {
        if (this.#generationId === undefined) await this.#join();
        else await this.#heartbeat();
        this.#options.onProblem(null);
        this.#confirm();
        retryMs = retryMsFirst;
        await this.#pause(this.#options.heartbeatMs);
      } catch (error) {
        if (this.#rejoins(error)) continue;
        const failure = classifyKafkaError(error, `consumer group "${this.#options.group}"`);
        if (!failure.retryable) throw failure;
        this.#options.onProblem(failure);
        await this.#pause(retryMs);
        retryMs = Math.min(2 * retryMs, retryMsMax);
        await this.#client.forget();
      }
    }
  }

  /** Resolves when the coordinator has said, after the call, that we still belong to the group; or when closing. */
  confirmed(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#confirmWaiters.push(resolve);
      this.#hurry?.();
    });
  }

  /** Leaves the group, so that others need not wait for the session to end. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#confirm();
    // A join that is under way is waited for: else the group would wait for a member that is gone.
    await this.#running?.catch(() => {});
    if (this.#memberId === '') return;
    const { group } = this.#options;
    await this.#coordinator()
      .then((broker) => broker.leaveGroup({ groupId: group, memberId: this.#memberId }))
      .catch(() => {}); // The session ends by itself.
  }

  /** For people and their tools: where this group is. What counts is in the state topic. */
  async publishOffsets(offsets: readonly (PartitionId & { readonly nextOffset: number })[]): Promise<void> {
    if (this.#generationId === undefined || offsets.length === 0) return;
    const topics = [...new Set(offsets.map(({ topic }) => topic))].map((topic) => ({
      topic,
      partitions: offsets
        .filter((one) => one.topic === topic)
        .map(({ partition, nextOffset }) => ({ partition, offset: String(nextOffset) })),
    }));
    const broker = await this.#coordinator();
    await broker.offsetCommit({
      groupId: this.#options.group,
      groupGenerationId: this.#generationId,
      memberId: this.#memberId,
      topics,
    });
  }

  #coordinator(): Promise<Broker> {
    return this.#client.coordinator('group', this.#options.group);
  }

  async #heartbeat(): Promise<void> {
    const broker = await this.#coordinator();
    await broker.heartbeat({
      groupId: this.#options.group,
      groupGenerationId: this.#generationId as number,
      memberId: this.#memberId,
    });
  }

  async #join(): Promise<void> {
    const { group, topics, sessionTimeoutMs, owned, onAssigned } = this.#options;
    const broker = await this.#coordinator();
    const userData = Buffer.from(JSON.stringify(owned()));
    const joined = await broker.joinGroup({
      groupId: group,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      memberId: this.#memberId,
      groupProtocols: [
        {
          name: protocolName,
          metadata: MemberMetadata.encode({ version: 1, topics: [...topics], userData }),
        },
      ],
    });
    this.#memberId = joined.memberId;
    const isLeader = joined.leaderId === joined.memberId;
    const synced = await broker.syncGroup({
      groupId: group,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupAssignment: isLeader ? await this.#assign(joined.members.map(readMember)) : [],
    });
    this.#generationId = joined.generationId;
    const assignment = MemberAssignment.decode(synced.memberAssignment)?.assignment ?? {};
    if (!this.#closing.signal.aborted)
      onAssigned(
        Object.entries(assignment).flatMap(([topic, partitions]) =>
          partitions.map((partition) => ({ topic, partition })),
        ),
      );
  }

  async #assign(members: readonly GroupMember[]) {
    const partitionCounts = new Map<string, number>();
    for (const topic of new Set(members.flatMap(({ topics }) => topics)))
      partitionCounts.set(topic, await this.#client.partitionCount(topic));
    return [...assignPartitions(members, partitionCounts)].map(([memberId, partitions]) => {
      const assignment: Record<string, number[]> = {};
      for (const { topic, partition } of partitions) {
        assignment[topic] ??= [];
        assignment[topic].push(partition);
      }
      return {
        memberId,
        memberAssignment: MemberAssignment.encode({ version: 1, assignment, userData: Buffer.alloc(0) }),
      };
    });
  }

  /** True where joining (again) is the answer. */
  #rejoins(error: unknown): boolean {
    const type = protocolError(error);
    if (type === 'UNKNOWN_MEMBER_ID') this.#memberId = '';
    else if (type !== 'REBALANCE_IN_PROGRESS' && type !== 'ILLEGAL_GENERATION') return false;
    this.#generationId = undefined;
    return true;
  }

  #confirm(): void {
    for (const resolve of this.#confirmWaiters.splice(0)) resolve();
  }

  /** Until the time is over, we close, or somebody wants a confirmation. */
  async #pause(ms: number): Promise<void> {
    if (this.#confirmWaiters.length > 0) return;
    const hurry = new Promise<void>((resolve) => {
      this.#hurry = resolve;
    });
    const timer = new AbortController();
    const signal = AbortSignal.any([timer.signal, this.#closing.signal]);
    await Promise.race([hurry, sleep(ms, undefined, { signal }).catch(() => {})]);
    timer.abort();
    this.#hurry = undefined;
  }
}

function readMember(member: { readonly memberId: string; readonly memberMetadata: Buffer }): GroupMember {
  const metadata = MemberMetadata.decode(member.memberMetadata);
  return {
    memberId: member.memberId,
    topics: metadata?.topics ?? [],
    owned: readOwned(metadata?.userData),
  };
}

function readOwned(userData: Buffer | undefined): readonly PartitionId[] {
  if (!userData || userData.length === 0) return [];
  return JSON.parse(userData.toString('utf8')) as PartitionId[];
}
