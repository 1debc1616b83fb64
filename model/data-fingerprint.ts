/** Histories as one thing: their order, span and hash. */
import { createHash } from 'node:crypto';
import type { History } from '../domain/features.js';

/** What a version was trained on, so that two versions can be told to have learned from the same. */
export interface DataFingerprint {
  readonly machineCount: number;
  /** First and last origin. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** SHA-256 of all rows, origins and outcomes, in hexadecimal; the order of the histories makes no difference. */
  readonly hash: string;
}

export function fingerprint(histories: readonly History[]): DataFingerprint {
  return {
    machineCount: new Set(histories.map(({ machine }) => machine)).size,
    ...spanOf(histories),
    hash: hashHistories([...histories].sort(byMachineAndTime)),
  };
}

/** The log gives histories partition by partition, and how many partitions there are should not matter. */
export function byMachineAndTime(a: History, b: History): number {
  if (a.machine !== b.machine) return a.machine < b.machine ? -1 : 1;
  return (a.originsMs[0] ?? 0) - (b.originsMs[0] ?? 0);
}

/** In their order. */
export function hashHistories(histories: readonly History[]): string {
  const hash = createHash('sha256');
  for (const { machine, rows, originsMs, eventDay, eventCauses, knownDays } of histories)
    for (const part of [Buffer.from(`${machine}\n`), rows, originsMs, eventDay, eventCauses, knownDays])
      if (part) hash.update(part);
  return hash.digest('hex');
}

export function spanOf(histories: readonly History[]): { readonly firstMs: number; readonly lastMs: number } {
  let firstMs = Infinity;
  let lastMs = -Infinity;
  for (const { originsMs } of histories)
    for (const originMs of originsMs) {
      if (originMs < firstMs) firstMs = originMs;
      if (originMs > lastMs) lastMs = originMs;
    }
  return { firstMs, lastMs };
}
