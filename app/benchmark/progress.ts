/** How far a benchmark has come, on a progress bar. */
import type { ProgressBar } from '../terminal/progress.js';
import { trainingNote } from '../terminal/training-note.js';
import type { BenchmarkProgress } from './result.js';

export function showProgress(bar: ProgressBar, progress: BenchmarkProgress): void {
  if (progress.phase === 'read') bar.update(0, 1, 'reading the files');
  else if (progress.phase === 'score') bar.update(1, 1, 'scoring, baselines too');
  else {
    const { network, of, training } = progress;
    bar.update(
      (network - 1) * training.of + training.step,
      of * training.of,
      `network ${network} of ${of} · ${trainingNote(training)}`,
    );
  }
}
