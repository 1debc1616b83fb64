/** Reads a data set as the pipeline would have seen it, and says on the terminal what of it was not taken. */
import { wallClock } from '../../domain/clock.js';
import type { Dataset } from '../../domain/dataset.js';
import type { History } from '../../domain/features.js';
import type { Deployment } from '../config.js';
import { datasetNotes } from '../dataset-notes.js';
import { buildHistories } from '../history.js';
import { describeRefused, type Refused } from '../refused.js';
import { formatCounted, formatTime } from '../terminal/format.js';
import { ProgressBar } from '../terminal/progress.js';
import type { Terminal } from '../terminal/terminal.js';

/** Histories by machine type. */
export async function readHistoriesOf(
  dataset: Dataset,
  deployment: Deployment,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly History[]>> {
  tellNotes(terminal, datasetNotes(dataset, deployment.directory));
  const bar = new ProgressBar('history', terminal, wallClock);
  let refused: readonly Refused[] = [];
  const histories = await buildHistories(deployment, dataset, signal, {
    onProgress: (timeMs) => updateByTime(bar, dataset, timeMs),
    onRefused: (found) => {
      refused = found;
    },
  });
  const failureCount = dataset.machines.reduce((sum, { failuresMs }) => sum + failuresMs.length, 0);
  bar.end(
    `${dataset.name}: ${formatCounted(dataset.machines.length, 'machine')}, ${formatCounted(failureCount, 'failure')}`,
  );
  tellNotes(terminal, refused.map(describeRefused));
  return histories;
}

/** How far reading has come in the time that the data set tells of. */
export function updateByTime(bar: ProgressBar, { machines }: Dataset, timeMs: number): void {
  const startMs = Math.min(...machines.map(({ firstMs }) => firstMs));
  const endMs = Math.max(...machines.map(({ lastMs }) => lastMs));
  bar.update(timeMs - startMs, endMs - startMs, formatTime(timeMs));
}

/** Nothing of a history disappears silently. */
export function tellNotes(terminal: Terminal, notes: readonly string[]): void {
  for (const note of notes) terminal.print(`  ${terminal.paint.warning('note')}     ${note}`);
}
