/** Folds of a walk-forward backtest in processes of their own, a few at a time; finished ones are kept, and not done again. */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../domain/errors.js';
import { sideBySide } from '../trials/side-by-side.js';
import type { FoldJob, FoldResult } from './fold.js';
import type { FoldMessage, FoldTask } from './fold-process.js';

export interface FoldsProgress {
  /** Folds done, those under way by their share. Kept ones are not counted. */
  readonly doneCount: number;
  readonly totalCount: number;
  readonly keptCount: number;
}

export interface FoldsRequest {
  readonly deploymentFile: string;
  readonly jobs: readonly Omit<FoldJob, 'stepsFile' | 'modelDir'>[];
  /** Folder of results and networks. What lies there must have come of the same steps and settings. */
  readonly keepIn: string;
  /** Processes at a time. */
  readonly parallel: number;
  readonly signal: AbortSignal;
  /** Called once, and only when there is something to do: writes the topic `steps` and names the file. */
  writeSteps(): Promise<string>;
  onProgress?(progress: FoldsProgress): void;
}

/** In the order of the jobs. */
export async function runFolds(request: FoldsRequest): Promise<FoldResult[]> {
  const { deploymentFile, jobs, keepIn, parallel, signal } = request;
  const fileOf = ({ fold, seed }: FoldsRequest['jobs'][number]) =>
    join(keepIn, `fold-${fold.number}-seed-${seed}.json`);
  const left = jobs.filter((job) => !existsSync(fileOf(job)));
  if (left.length > 0) {
    const stepsFile = await request.writeSteps();
    const shares = new Map<unknown, number>();
    const progress = (job: unknown, share: number): void => {
      shares.set(job, share);
      request.onProgress?.({
        doneCount: [...shares.values()].reduce((sum, each) => sum + each, 0),
        totalCount: left.length,
        keptCount: jobs.length - left.length,
      });
    };
    await sideBySide(left, parallel, signal, async (job, either) => {
      progress(job, 0);
      const whole = { ...job, stepsFile, modelDir: join(keepIn, 'models') };
      await runProcess({ deploymentFile, job: whole, resultFile: fileOf(job) }, either, (share) =>
        progress(job, share),
      );
      progress(job, 1);
    });
  }
  return Promise.all(jobs.map(async (job) => JSON.parse(await readFile(fileOf(job), 'utf8')) as FoldResult));
}

function runProcess(task: FoldTask, signal: AbortSignal, onShare: (share: number) => void): Promise<void> {
  const { fold, seed } = task.job;
  const who = `fold ${fold.number}, seed ${seed}`;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = fork(new URL('./fold-process.js', import.meta.url), {
      execArgv: ['--enable-source-maps', '--max-semi-space-size=64'],
      // Ctrl-C reaches all processes of a terminal's group: it is for this one to end the others.
      detached: true,
    });
    let end: (() => void) | undefined;
    const stop = () => child.kill();
    signal.addEventListener('abort', stop, { once: true });
    child.on('message', (message: FoldMessage) => {
      // Forecasting and writing come after the training: most of the time is the training's.
      if (message.kind === 'training') return onShare((0.95 * message.progress.step) / message.progress.of);
      const { kind } = message;
      end =
        kind === 'done'
          ? resolve
          : () => reject(new UserError(`${who}: ${message.text}`, { exitCode: message.exitCode }));
      child.disconnect();
    });
    child.on('error', reject);
    child.on('exit', (code, how) => {
      signal.removeEventListener('abort', stop);
      if (end) end();
      else
        reject(signal.aborted ? signal.reason : new Error(`the process of ${who} ended with ${how ?? code}`));
    });
    child.send(task);
  });
}
