/** What every benchmark does around its work: settings, progress, a folder for its networks, and the result as JSON and as text. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wallClock } from '../../domain/clock.js';
import { trainingConfigSchema } from '../../model/config.js';
import type { BenchmarkRequest } from '../benchmark/networks.js';
import { showProgress } from '../benchmark/progress.js';
import { loadYaml } from '../config-file.js';
import { formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { checkWritable } from './options.js';

export interface RunOptions {
  readonly dir: string;
  /** Training settings (YAML). */
  readonly training?: string | undefined;
  /** Folder that keeps the networks; default: they are thrown away. */
  readonly models?: string;
  /** Files that the result is written to. */
  readonly json?: string;
  readonly html?: string;
}

/** What a benchmark is asked, but for how many networks and on what part of the data. */
export type RunRequest = Omit<BenchmarkRequest, 'seedCount' | 'ensembleSize'>;

export async function runBenchmark<Result extends { readonly dataset: string; readonly seconds: number }>(
  { dir, training, models, json, html }: RunOptions,
  signal: AbortSignal,
  benchmark: (request: RunRequest) => Promise<Result>,
): Promise<Result> {
  const config =
    training === undefined ? trainingConfigSchema.parse({}) : loadYaml(training, trainingConfigSchema);
  // Tried before the work: a path that cannot be written should not cost minutes.
  for (const file of [json, html]) if (file !== undefined) await checkWritable(file);
  const bar = new ProgressBar('benchmark', makeTerminal(process.stderr), wallClock);
  const modelDir = models ?? (await mkdtemp(join(tmpdir(), 'millwright-benchmark-')));
  try {
    const onProgress: BenchmarkRequest['onProgress'] = (progress) => showProgress(bar, progress);
    const result = await benchmark({ dir, config, modelDir, signal, onProgress });
    bar.end(`${result.dataset} in ${formatSpan(result.seconds * 1000)}`);
    return result;
  } finally {
    if (models === undefined) await rm(modelDir, { recursive: true, force: true });
  }
}

/** To the file that was named, and as text to the terminal. */
export async function writeResult(json: object, file: string | undefined, text: () => string): Promise<void> {
  if (file !== undefined) await writeFile(file, `${JSON.stringify(json, null, 2)}\n`);
  printResult({ json, human: text }, false);
}
