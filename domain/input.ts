/**
 * The records of the topic `inputs`: readings, events and ticks of one partition in one order, so that a
 * replay sees what the live run saw (docs/decisions/0002). Written by ingest, read by the stream stage.
 */

/** Readings of one machine, as one message brought them. Columns of equal length; units are the machine type's. */
export interface ReadingsRecord {
  readonly kind: 'readings';
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
  /** Plant time of arrival. */
  readonly ingestTimeMs: number;
  /** Sensor names. */
  readonly sensors: readonly string[];
  /** Event times, ms since epoch. */
  readonly timesMs: readonly number[];
  /** Finite values. */
  readonly values: readonly number[];
}

/** What can happen to a machine, besides readings. */
export const eventKinds = [
  'error', // code: one of the machine type's eventCodes
  'maintenance', // code: one of maintenanceKinds; ages are reset
  'failure', // code: what failed, or ''
  'retired', // taken out of service: no more steps until it speaks again
  'acknowledge', // code: alert key; by a person
  'assign', // code: alert key; `to` is to look after it
  'comment', // code: alert key
  'feedback', // code: one of feedbackVerdicts; `alert` says of which alert, `fault` what it was
] as const;
export type EventKind = (typeof eventKinds)[number];
/** What somebody who looked says of an alert: there was a fault, the machine was well, or it cannot be told. */
export const feedbackVerdicts = ['true', 'false', 'unclear'] as const;
export type FeedbackVerdict = (typeof feedbackVerdicts)[number];
/** What people say of alerts: nothing happens to the machine. */
export const remarkKinds: ReadonlySet<EventKind> = new Set(['acknowledge', 'assign', 'comment', 'feedback']);

export interface EventRecord {
  readonly kind: 'event';
  readonly event: EventKind;
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
  readonly eventTimeMs: number;
  readonly ingestTimeMs: number;
  readonly code: string;
  readonly by: string;
  readonly comment: string;
  /** Of `assign`: a name. */
  readonly to?: string;
  /** Of `feedback`: id of the alert that it is about. */
  readonly alert?: string;
  /** Of `feedback`: code of the fault that was found, in the plant's own words. */
  readonly fault?: string;
}

/** What tells events of one machine and moment apart: kind and code; of feedback its alert, on which the later word counts. */
export function eventIdentity({ event, code, alert }: EventRecord): string {
  return `${event}|${alert ?? code}`;
}

/** Wall-clock (plant) time, written to every partition at a fixed interval. Downstream stages pass it on. */
export interface TickRecord {
  readonly kind: 'tick';
  readonly timeMs: number;
}

export type InputRecord = ReadingsRecord | EventRecord | TickRecord;

/** Why a message or a reading was not taken. Stable: metrics, `millwright rejected` and tests use these words. */
export const rejectReasons = [
  'payload-too-large',
  'topic-unmatched',
  'not-utf8',
  'not-json',
  'too-deep',
  'wrong-shape',
  'unknown-machine',
  'unknown-machine-type',
  'unknown-sensor',
  'unknown-event-code',
  'unknown-unit',
  'not-a-number',
  'non-finite',
  'out-of-range',
  'bad-time',
  'too-old',
  'in-the-future',
  'late', // by the stream stage: older than the revision horizon
] as const;
export type RejectReason = (typeof rejectReasons)[number];

/** A record of the topic `rejected`: one reading or event, or one message that could not be read at all. */
export interface RejectedRecord {
  readonly kind: 'rejected';
  readonly reason: RejectReason;
  /** A sentence with the value and what to do. */
  readonly detail: string;
  readonly machine: string;
  /** MQTT topic; '' when the stream stage rejected. */
  readonly topic: string;
  /** First 1,024 bytes of the payload as text, or the reading as JSON. */
  readonly payload: string;
  readonly ingestTimeMs: number;
}
