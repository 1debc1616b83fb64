import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PartitionId } from '../../domain/log.js';
import { assignPartitions, type GroupMember } from '../../infra/kafka/assignment.js';

const member = (
  memberId: string,
  topics: readonly string[],
  owned: readonly PartitionId[] = [],
): GroupMember => ({
  memberId,
  topics,
  owned,
});

test('partitions are shared evenly, and every one is given once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.tuple(fc.nat(5), fc.nat(25)), { maxLength: 30 }),
      (memberCount, partitionCount, owned) => {
        // What members believe to own may overlap, and may not exist any more.
        const members = Array.from({ length: memberCount }, (_, index) =>
          member(
            `m${index}`,
            ['a'],
            owned.filter(([who]) => who === index).map(([, partition]) => ({ topic: 'a', partition })),
          ),
        );
        const assigned = assignPartitions(members, new Map([['a', partitionCount]]));
        const counts = [...assigned.values()].map((partitions) => partitions.length);
        assert(Math.max(...counts) - Math.min(...counts) <= 1, `${counts}`);
        const all = [...assigned.values()].flat().map(({ partition }) => partition);
        assert.deepEqual(
          all.sort((x, y) => x - y),
          Array.from({ length: partitionCount }, (_, partition) => partition),
        );
      },
    ),
  );
});

test('a member keeps what it has where that is even', () => {
  const owned = (...partitions: number[]) => partitions.map((partition) => ({ topic: 'a', partition }));
  const counts = new Map([['a', 4]]);
  const alone = assignPartitions([member('old', ['a'], owned(0, 1, 2, 3))], counts);
  assert.equal(alone.get('old')?.length, 4);
  const joined = assignPartitions([member('new', ['a']), member('old', ['a'], owned(0, 1, 2, 3))], counts);
  assert.deepEqual(joined.get('old'), owned(0, 1));
  assert.deepEqual(joined.get('new'), owned(2, 3));
  const left = assignPartitions([member('new', ['a'], owned(2, 3))], counts);
  assert.equal(left.get('new')?.length, 4);
});

test('of several topics, a member gets those that it consumes', () => {
  const counts = new Map([
    ['a', 2],
    ['b', 2],
  ]);
  const assigned = assignPartitions([member('x', ['a', 'b']), member('y', ['b'])], counts);
  assert.deepEqual(assigned.get('x')?.filter(({ topic }) => topic === 'a').length, 2);
  assert.deepEqual(
    assigned.get('y')?.map(({ topic }) => topic),
    ['b'],
  );
});
