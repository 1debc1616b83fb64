/** `millwright benchmark values` and `health`: forecasts of sensors' values, and the index that needs no failures. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { type CmapssSubset, cmapssSubsets } from '../../infra/files/cmapss.js';
import { type TrainingConfig, trainingConfigSchema } from '../../model/config.js';
import { benchmarkHealth } from '../benchmark/health.js';
import { showProgress } from '../benchmark/progress.js';
import type { BenchmarkProgress } from '../benchmark/result.js';
import { formatHealth, formatValues } from '../benchmark/value-text.js';
import { benchmarkValues } from '../benchmark/values.js';
import { loadYaml } from '../config-file.js';
import { formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { azurePeriod, checkWritable, day, wholeNumber } from './options.js';

interface Options {
  readonly dir: string;
  readonly seeds: number;
  readonly training?: string;
  readonly json?: string;
}

interface ValuesOptions extends Options {
  readonly trainUntil: number;
  readonly testFrom: number;
  readonly testTo: number;
  readonly season: number;
}

interface HealthOptions extends Options {
  readonly subset: CmapssSubset;
  readonly cycles: number;
}

export function valuesCommand(signal: AbortSignal): Command {
  const command = new Command('values')
    .description("forecasts of Azure PdM's four sensors, beside smoothing and naive forecasts")
    .requiredOption('--dir <folder>', 'folder of telemetry_daily.csv and the PdM_*.csv files, plain or .gz')
    .requiredOption('--train-until <day>', 'last day to train on, such as 2015-06-30', day)
    .requiredOption('--test-from <day>', 'first day at whose end values are forecast', day)
    .requiredOption('--test-to <day>', 'last day at whose end values are forecast', day)
    .option('--season <days>', 'season of seasonal naive and of Holt and Winters', wholeNumber(1), 7);
  return withCommonOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark values --dir DIR --train-until 2015-06-30 --test-from 2015-07-31 --test-to 2015-08-30 --json values.json\n\nExit code: 0 scored, 2 wrong usage or data.',
    )
    .action(async (options: ValuesOptions) => {
      const period = azurePeriod(options);
      await run(options, signal, formatValues, (request) =>
        benchmarkValues({ ...request, period, seasonSteps: options.season }),
      );
    });
}

export function healthCommand(signal: AbortSignal): Command {
  const command = new Command('health')
    .description('the health index on turbofan engines, learned from their first cycles: no failure is seen')
    .requiredOption('--dir <folder>', 'folder of the NASA text files, plain or .gz')
    .addOption(
      new Option('--subset <name>', 'which of the four sets').choices(cmapssSubsets).default('FD001'),
    )
    .option('--cycles <count>', 'cycles of every training engine to learn from', wholeNumber(1), 60);
  return withCommonOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  millwright benchmark health --dir data/cmapss --subset FD001 --cycles 60 --json health.json\n\nExit code: 0 scored, 2 wrong usage or data.',
    )
    .action((options: HealthOptions) =>
      run(options, signal, formatHealth, (request) =>
        benchmarkHealth({ ...request, subset: options.subset, cycles: options.cycles }),
      ),
    );
}

function withCommonOptions(command: Command): Command {
  return command
    .option('--seeds <count>', 'networks to train, from seeds 1, 2, ...', wholeNumber(1), 1)
    .option(
      '--training <file>',
      'training settings (YAML); default: the defaults, which were best on C-MAPSS',
    )
    .option('--json <file>', 'write the scores to this file as JSON');
}

interface Request {
  readonly dir: string;
  readonly seedCount: number;
  readonly config: TrainingConfig;
  readonly modelDir: string;
  readonly signal: AbortSignal;
  onProgress(progress: BenchmarkProgress): void;
}

async function run<Result extends { readonly dataset: string; readonly seconds: number }>(
  options: Options,
  signal: AbortSignal,
  format: (result: Result) => string,
  benchmark: (request: Request) => Promise<Result>,
): Promise<void> {
  const config =
    options.training === undefined
      ? trainingConfigSchema.parse({})
      : loadYaml(options.training, trainingConfigSchema);
  if (options.json !== undefined) await checkWritable(options.json);
  const bar = new ProgressBar('benchmark', makeTerminal(process.stderr), wallClock);
  const modelDir = await mkdtemp(join(tmpdir(), 'millwright-benchmark-'));
  try {
    const result = await benchmark({
      dir: options.dir,
      seedCount: options.seeds,
      config,
      modelDir,
      signal,
      onProgress: (progress) => showProgress(bar, progress),
    });
    bar.end(`${result.dataset} in ${formatSpan(result.seconds * 1000)}`);
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
    printResult({ json: result, human: () => format(result) }, false);
  } finally {
    await rm(modelDir, { recursive: true, force: true });
  }
}
