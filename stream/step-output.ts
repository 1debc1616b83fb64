import type { EventRecord, RejectedRecord, TickRecord } from '../domain/input.js';
import type { StepRecord } from '../domain/step.js';

/** Where the step operator puts what it emits, in order. */
export interface StepOutput {
  readonly steps: (StepRecord | EventRecord | TickRecord)[];
  readonly rejected: RejectedRecord[];
}
