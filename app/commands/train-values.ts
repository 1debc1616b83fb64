/** The part of `millwright train` that learns values: of machine types with sensors to forecast. */
import { wallClock } from '../../domain/clock.js';
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { WrittenArtifact } from '../../model/artifact.js';
import type { ValueMetrics } from '../../model/values/value-artifact.js';
import { valueSensors } from '../../stream/value-sensors.js';
import type { Author, Registry } from '../registry/registry.js';
import { formatCounted, formatNumber, formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import type { ProgressBar } from '../terminal/progress.js';
import { trainingNote } from '../terminal/training-note.js';
import { trainValueVersion, type ValueRequest } from '../value-training.js';

export type WrittenValues = WrittenArtifact<ValueMetrics>;

/** Takes them into use; there is no check of their adoption. undefined: the type has no sensor whose values are to be forecast. */
export async function trainValuesIfAny(
  request: ValueRequest,
  registry: Registry,
  author: Author,
  bar: ProgressBar,
): Promise<WrittenValues | undefined> {
  const { type } = request;
  if (valueSensors(type).length === 0) return undefined;
  const written = await trainValueVersion({
    ...request,
    onProgress: (progress) => bar.update(progress.step, progress.of, `values · ${trainingNote(progress)}`),
  });
  await registry.added(type.name, [written.version], author);
  await registry.takeIntoUse(type.name, written.version, author);
  return written;
}

/** Whether there is nothing but values to learn: sensors to forecast, and no failure on record. */
export function onlyValues(type: MachineType, histories: readonly History[]): boolean {
  return valueSensors(type).length > 0 && !histories.some(({ eventDay }) => eventDay.some((day) => day > 0));
}

export function printValues(
  values: WrittenValues,
  bar: ProgressBar,
  { startedMs, json }: { readonly startedMs: number; readonly json: boolean },
): void {
  const seconds = (wallClock.nowMs() - startedMs) / 1000;
  bar.end(`${values.version} in ${formatSpan(seconds * 1000)}`);
  printResult(
    {
      json: { version: null, directory: null, metrics: null, values, seconds },
      human: () =>
        [
          'No failure is on record yet: no probability of failure can be learned, only what sensors will show.',
          ...describeValues(values),
        ].join('\n'),
    },
    json,
  );
}

export function describeValues({ metrics, directory }: WrittenValues): string[] {
  const { validationMae, validationCoverage, sensors, healthIndex } = metrics;
  const error = (index: number) => formatNumber(validationMae.at(index) ?? Number.NaN);
  return [
    `Values of ${formatCounted(sensors.length, 'sensor')}, learned from ${formatCounted(metrics.trainingMachineCount, 'machine')}, judged on ${formatCounted(metrics.validationMachineCount, 'other')}:`,
    `  mean error ${error(0)} standard deviations one step ahead, ${error(-1)} at the horizon; 80 % intervals held ${(100 * validationCoverage).toFixed(0)} %`,
    healthIndex
      ? '  with a health index'
      : '  without a health index: there are too few healthy steps to learn what is usual',
    `  in use from now on: ${directory}`,
  ];
}
