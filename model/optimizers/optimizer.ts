import { adam } from './adam.js';
import { adamw } from './adamw.js';

export const optimizerNames = ['adamw', 'adam'] as const;
export type OptimizerName = (typeof optimizerNames)[number];

/** Both have the same state and the same schedule (adamwSchedule). */
export function optimizerCalled(name: OptimizerName): typeof adamw {
  return { adamw, adam }[name];
}
