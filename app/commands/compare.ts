/** `millwright compare`: which network for these machines. */
import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { type CellName, cellNames } from '../../model/cells/cell.js';
import { type TaskName, taskNames } from '../../model/tasks.js';
import { featureSpec } from '../../stream/features.js';
import { compareNetworks } from '../compare/compare.js';
import { comparisonMarkdown, formatComparison } from '../compare/compare-text.js';
import { formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { trainingNote } from '../terminal/training-note.js';
import { jsonOption, share, wholeNumber } from './options.js';
import {
  loadTraining,
  readTrainingHistories,
  type TrainingHistoryOptions,
  withTrainingHistory,
} from './training-history.js';

interface CompareOptions extends TrainingHistoryOptions {
  readonly cells: readonly CellName[];
  readonly tasks: readonly TaskName[];
  readonly seeds: number;
  readonly judge: number;
  readonly parallel: number;
  readonly journal?: string;
  readonly markdown?: string;
  readonly json: boolean;
}

export function compareCommand(signal: AbortSignal): Command {
  return withTrainingHistory(
    new Command('compare').description(
      'train every kind of network on equal budgets and judge them side by side',
    ),
  )
    .option('--cells <names>', `some of ${cellNames.join(',')}`, namesOf(cellNames), [...cellNames])
    .option('--tasks <names>', `some of ${taskNames.join(',')}`, namesOf(taskNames), [...taskNames])
    .option('--seeds <count>', 'trainings of each network', wholeNumber(1), 3)
    .option(
      '--judge <share>',
      'share of the machines that are kept from all networks, to judge by',
      share,
      0.25,
    )
    .option(
      '--parallel <count>',
      'trainings at a time; times and latencies are honest with 1 only',
      wholeNumber(1),
      1,
    )
    .option('--journal <file>', 'keep finished trainings here, and go on from it')
    .option('--markdown <file>', 'write the table to this file, too')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright compare -c examples/cmapss/millwright.yaml --data examples/cmapss/train.yaml --journal compare.jsonl
  millwright compare --data history.yaml --cells lstm,gru --tasks dense,many-to-one --seeds 5

Equal budgets: every network makes the same number of steps (the training settings' \`steps\`) with batches of the same
size, has the same width, and keeps its best parameters. What they cost then differs, and is in the table.

Exit code: 0 compared, 2 wrong usage, data or configuration.`,
    )
    .action(async (options: CompareOptions) => {
      const startedMs = wallClock.nowMs();
      const terminal = makeTerminal(process.stderr);
      const { deployment, type, config } = loadTraining(options);
      const histories = await readTrainingHistories(options, deployment, type, terminal, signal);
      const bar = new ProgressBar('compare', terminal, wallClock);
      const result = await compareNetworks({
        spec: featureSpec(type),
        histories,
        cells: options.cells,
        tasks: options.tasks,
        seedCount: options.seeds,
        config,
        judgedShare: options.judge,
        parallel: options.parallel,
        ...(options.journal === undefined ? {} : { journal: options.journal }),
        signal,
        onProgress: ({ doneCount, totalCount, name, training }) =>
          bar.update(
            doneCount + training.step / training.of,
            totalCount,
            `${doneCount} of ${totalCount} done · ${name} · ${trainingNote(training)}`,
          ),
      });
      const seconds = (wallClock.nowMs() - startedMs) / 1000;
      bar.end(`${result.networks.length} networks in ${formatSpan(seconds * 1000)}`);
      if (options.markdown !== undefined)
        await writeFile(options.markdown, `${comparisonMarkdown(result)}\n`);
      printResult(
        { json: { ...result, config, seconds }, human: () => formatComparison(result) },
        options.json,
      );
    });
}

function namesOf<Name extends string>(known: readonly Name[]): (text: string) => Name[] {
  return (text) =>
    text.split(',').map((word) => {
      const name = known.find((each) => each === word.trim());
      if (name === undefined) throw new InvalidArgumentError(`"${word}" is none of ${known.join(', ')}.`);
      return name;
    });
}
