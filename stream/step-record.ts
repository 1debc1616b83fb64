/** Makes the StepRecord of a kept step: aggregates, counts, ages, data quality. */
import type { StepRecord } from '../domain/step.js';
import { readAggregates } from './aggregate.js';
import { eventName, type MachineState, type StepState } from './machine-state.js';

/** The step is the `stepIndex`-th of the machine's life. */
export function makeStepRecord(
  machine: MachineState,
  step: StepState,
  stepIndex: number,
  final: boolean,
): StepRecord {
  const { type } = machine.clock;
  const sensors = readAggregates(step.aggregates);
  return {
    kind: 'step',
    machine: machine.id,
    type: type.name,
    site: machine.site,
    line: machine.line,
    startMs: step.startMs,
    endMs: step.endMs,
    stepIndex,
    lifeStartMs: machine.lifeStartMs,
    revision: step.issuedCount,
    final,
    sensors,
    eventCounts: type.eventCodes.map((code) => step.events.get(eventName('error', code))?.size ?? 0),
    maintenanceAges: machine.maintenanceAges(step),
    coverage: type.sensors.map(({ expectedPerStep }, index) =>
      Math.min(1, (sensors[index]?.count ?? 0) / expectedPerStep),
    ),
    stuck: type.sensors.map(({ stuckAfter }, index) => {
      const sensor = sensors[index];
      return stuckAfter !== undefined && !!sensor && sensor.count >= stuckAfter && sensor.min === sensor.max;
    }),
    firstOffset: step.firstOffset,
    lastOffset: step.lastOffset,
  };
}
