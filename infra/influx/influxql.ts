/** Pieces of InfluxQL. */
import type { Span } from '../../domain/store.js';
import type { Series } from './connection.js';
import { nanoseconds } from './line-protocol.js';

/** A string literal. */
export function quote(text: string): string {
  return `'${text.replace(/['\\]/g, (character) => `\\${character}`)}'`;
}

/** Conditions on the time, each behind an AND; '' without bounds. */
export function timeBounds({ fromMs, toMs }: Pick<Span, 'fromMs' | 'toMs'>): string {
  const from = fromMs === undefined ? '' : ` AND time >= ${nanoseconds(Math.ceil(fromMs))}`;
  const to = toMs === undefined ? '' : ` AND time < ${nanoseconds(Math.ceil(toMs))}`;
  return from + to;
}

/** The records in the last column, in the order of the answer. The store is ours: what it holds was validated before. */
export function selectRecords<T>(series: readonly Series[]): T[] {
  return series.flatMap(({ values }) => values.map((row) => JSON.parse(row.at(-1) as string) as T));
}
