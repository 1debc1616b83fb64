/** A process of its own for one fold: told by its first message what to do, it writes the result to a file and ends. */
import { rename, writeFile } from 'node:fs/promises';
import type { TrainingProgress } from '../../model/trained-network.js';
import { loadDeployment } from '../config.js';
import { describeFailure } from '../terminal/run-main.js';
import { type FoldJob, runFold } from './fold.js';

export interface FoldTask {
  readonly deploymentFile: string;
  readonly job: FoldJob;
  readonly resultFile: string;
}

export type FoldMessage =
  | { readonly kind: 'training'; readonly progress: Pick<TrainingProgress, 'step' | 'of'> }
  | { readonly kind: 'done' }
  /** As the command line tells it. */
  | { readonly kind: 'failed'; readonly text: string; readonly exitCode: number };

const tell = (message: FoldMessage): void => {
  process.send?.(message);
};

// However the process ends that started this one.
process.on('disconnect', () => process.exit(1));
process.on('message', ({ deploymentFile, job, resultFile }: FoldTask) => {
  work(deploymentFile, job, resultFile).then(
    () => tell({ kind: 'done' }),
    (error: unknown) => tell({ kind: 'failed', ...describeFailure(error) }),
  );
});

async function work(deploymentFile: string, job: FoldJob, resultFile: string): Promise<void> {
  const result = await runFold(loadDeployment(deploymentFile), job, ({ step, of }) =>
    tell({ kind: 'training', progress: { step, of } }),
  );
  // Whole or not there at all, whatever ends the process.
  await writeFile(`${resultFile}.part`, JSON.stringify(result));
  await rename(`${resultFile}.part`, resultFile);
}
