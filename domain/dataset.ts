/**
 * Recorded history of machines, as files hold it: what a replay publishes and a backtest is judged against.
 * Adapters under `infra/files/` make one; nothing here knows a file format.
 */
import type { EventKind } from './input.js';

/** Values of one machine at one time. Units are the machine type's; all values are finite. */
export interface DatasetReadings {
  readonly kind: 'readings';
  readonly machine: string;
  /** Event time. */
  readonly timeMs: number;
  /** Sensor name → value; a sensor that was not read then is absent. */
  readonly values: Readonly<Record<string, number>>;
}

/** Something that happened to a machine. */
export interface DatasetEvent {
  readonly kind: 'event';
  readonly machine: string;
  readonly timeMs: number;
  readonly event: EventKind;
  /** Error code, kind of maintenance, or what failed; '' where there is none. */
  readonly code: string;
  /** Of `feedback`: as in an EventRecord. */
  readonly alert?: string;
  readonly fault?: string;
}

export type DatasetRecord = DatasetReadings | DatasetEvent;

/** What is known about how a machine's record ended: the truth that forecasts are compared with. */
export interface MachineRecord {
  readonly machine: string;
  /** Static attributes; empty where the files have none. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Times of its first and last record: readings, or events that are no remarks (which may come long after). */
  readonly firstMs: number;
  readonly lastMs: number;
  /**
   * Every failure up to this time is in `failuresMs`; what happened afterwards is not known (censored). It can
   * lie beyond `lastMs`: C-MAPSS tells the failure of a test engine whose readings stop earlier.
   */
  readonly knownUntilMs: number;
  /** Ascending, each time once. May hold failures after `lastMs`, which `records()` never shows. */
  readonly failuresMs: readonly number[];
}

/** Rows that a reader left out, by reason, so that nothing disappears silently. */
export interface SkippedRows {
  readonly reason: 'bad-time' | 'bad-machine' | 'bad-value' | 'no-value' | 'bad-event' | 'bad-json';
  readonly count: number;
  /** The first of them: `file:line: what was wrong`. */
  readonly first: string;
}

export interface Dataset {
  /** For people: "C-MAPSS FD001 train". */
  readonly name: string;
  /** In ascending order of machine id as the files number them. */
  readonly machines: readonly MachineRecord[];
  readonly skipped: readonly SkippedRows[];
  /**
   * All records in ascending time; at one time readings come before events, machines in the order of `machines`.
   * Can be called again: each call reads from the start and gives the same records.
   */
  records(): AsyncIterable<DatasetRecord>;
}
