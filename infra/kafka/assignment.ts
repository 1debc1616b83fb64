/** Who of a consumer group gets which partition. Every member could be the one that decides, so it is a pure function. */
import type { PartitionId } from '../../domain/log.js';

export interface GroupMember {
  readonly memberId: string;
  readonly topics: readonly string[];
  /** What it has in hand. */
  readonly owned: readonly PartitionId[];
}

/**
 * Shares the partitions of each topic evenly over the members that consume it, and leaves each with what it has where
 * that is even: moving a partition costs the restoration of its state.
 */
export function assignPartitions(
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, PartitionId[]> {
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const assigned = new Map(sorted.map(({ memberId }) => [memberId, [] as PartitionId[]]));
  for (const [topic, partitionCount] of partitionCounts) {
    const able = sorted.filter(({ topics }) => topics.includes(topic));
    if (able.length > 0) assignTopic(topic, partitionCount, able, assigned);
  }
  return assigned;
}

function assignTopic(
  topic: string,
  partitionCount: number,
  members: readonly GroupMember[],
  assigned: ReadonlyMap<string, PartitionId[]>,
): void {
  const owner = new Map<number, string>();
  const least = Math.floor(partitionCount / members.length);
  let oneMore = partitionCount % members.length;
  const counts = new Map(members.map(({ memberId }) => [memberId, 0]));
  for (const { memberId, owned } of members)
    for (const { topic: ownedTopic, partition } of owned) {
      const count = counts.get(memberId) ?? 0;
      if (ownedTopic !== topic || partition >= partitionCount || owner.has(partition)) continue;
      if (count > least || (count === least && oneMore === 0)) continue;
      if (count === least) oneMore--;
      owner.set(partition, memberId);
      counts.set(memberId, count + 1);
    }
  for (let partition = 0; partition < partitionCount; partition++) {
    const memberId = owner.get(partition) ?? withFewest(members, counts, assigned);
    if (!owner.has(partition)) counts.set(memberId, (counts.get(memberId) ?? 0) + 1);
    assigned.get(memberId)?.push({ topic, partition });
  }
}

/** Of this topic; of all topics so far where that is equal. */
function withFewest(
  members: readonly GroupMember[],
  counts: ReadonlyMap<string, number>,
  assigned: ReadonlyMap<string, readonly PartitionId[]>,
): string {
  const load = ({ memberId }: GroupMember) =>
    (counts.get(memberId) ?? 0) * 1e6 + (assigned.get(memberId)?.length ?? 0);
  return members.reduce((best, member) => (load(member) < load(best) ? member : best)).memberId;
}
