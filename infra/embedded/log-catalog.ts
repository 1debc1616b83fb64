import { Buffer } from 'node:buffer';
import type { TopicSpec } from '../../domain/log.js';
import type { Bytes } from './lmdb-open.js';

/** Names and numbers of topics and groups: the database `meta`. */
export interface CatalogTopic {
  readonly id: number;
  readonly spec: TopicSpec;
}

export const sharedDatabaseNames = ['meta', 'partitions', 'index', 'superseded', 'offsets', 'state'] as const;

const topicsKey = Buffer.from('topics');
const groupsKey = Buffer.from('groups');

/** JSON has no Infinity. */
type StoredTopic = Omit<TopicSpec, 'retentionMs'> & {
  readonly id: number;
  readonly retentionMs: number | null;
};

export function readTopics(meta: Bytes): Map<string, CatalogTopic> {
  const bytes = meta.get(topicsKey);
  const stored = bytes ? (JSON.parse(bytes.toString('utf8')) as StoredTopic[]) : [];
  return new Map(
    stored.map(({ id, retentionMs, ...rest }) => [
      rest.name,
      { id, spec: { ...rest, retentionMs: retentionMs ?? Infinity } },
    ]),
  );
}

export function topicsEntry(topics: Iterable<CatalogTopic>): {
  readonly key: Buffer;
  readonly value: Buffer;
} {
  const stored: StoredTopic[] = [];
  for (const { id, spec } of topics)
    stored.push({ ...spec, id, retentionMs: spec.retentionMs === Infinity ? null : spec.retentionMs });
  return { key: topicsKey, value: Buffer.from(JSON.stringify(stored)) };
}

export function readGroups(meta: Bytes): Map<string, number> {
  const bytes = meta.get(groupsKey);
  return new Map(bytes ? (JSON.parse(bytes.toString('utf8')) as [string, number][]) : []);
}

export function groupsEntry(groups: ReadonlyMap<string, number>): {
  readonly key: Buffer;
  readonly value: Buffer;
} {
  return { key: groupsKey, value: Buffer.from(JSON.stringify([...groups])) };
}
