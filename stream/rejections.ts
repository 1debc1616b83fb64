/** Readings and events that the step operator cannot take, as records with a reason in words. */
import type { EventRecord, ReadingsRecord, RejectedRecord, RejectReason } from '../domain/input.js';
import { valueMagnitudeMax } from './aggregate.js';
import type { MachineState } from './machine-state.js';
import { stepsAheadMax, type TypeClock } from './type-clock.js';

export type Refusal = Extract<
  RejectReason,
  | 'late'
  | 'in-the-future'
  | 'bad-time'
  | 'out-of-range'
  | 'unknown-sensor'
  | 'unknown-event-code'
  | 'unknown-machine-type'
>;

/** A sentence on what was wrong and what to do. `machine` is undefined if it is not known yet. */
export function explainRefusal(
  reason: Refusal,
  watermarkMs: number,
  clock: TypeClock | undefined,
  machine: MachineState | undefined,
): string {
  switch (reason) {
    case 'late': {
      const earliestMs = Math.max(
        clock?.horizonMs ?? -Infinity,
        machine?.notBeforeMs ?? -Infinity,
        machine?.living && machine.settled ? machine.lifeStartMs : -Infinity,
      );
      return `before ${isoTime(earliestMs)}, the earliest time still taken at ${isoTime(watermarkMs)}: see revisionSteps`;
    }
    case 'in-the-future':
      return `more than ${stepsAheadMax} steps after the present one (${isoTime(watermarkMs)}): check the machine's clock`;
    case 'bad-time':
      return "not a time after the year 0: check the sender's clock and unit of time";
    case 'out-of-range':
      return `beyond ±${valueMagnitudeMax}, which no sum of squares can hold`;
    case 'unknown-sensor':
      return `machine type ${clock?.type.name} has no such sensor: add it, or stop sending it`;
    case 'unknown-event-code':
      return `machine type ${clock?.type.name} has no such event code: add it to eventCodes`;
    case 'unknown-machine-type':
      return 'the configuration has no such machine type: add it';
  }
}

export function rejectReading(
  { machine, sensors, timesMs, values, ingestTimeMs }: ReadingsRecord,
  index: number,
  reason: Refusal,
  detail: string,
): RejectedRecord {
  const payload = JSON.stringify({ sensor: sensors[index], timeMs: timesMs[index], value: values[index] });
  return { kind: 'rejected', reason, detail, machine, topic: '', payload, ingestTimeMs };
}

export function rejectEvent(
  { machine, type, event, code, eventTimeMs: timeMs, ingestTimeMs }: EventRecord,
  reason: Refusal,
  detail: string,
): RejectedRecord {
  const payload = JSON.stringify({ type, event, code, timeMs });
  return { kind: 'rejected', reason, detail, machine, topic: '', payload, ingestTimeMs };
}

function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
