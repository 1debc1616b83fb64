/** `millwright diagnose`: what is wrong with a trained network, and what to try. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { readArtifact } from '../../model/artifact.js';
import { loadDeployment } from '../config.js';
import { diagnoseVersion, type NetworkDiagnosis } from '../diagnosis.js';
import { diagnosisHtml } from '../diagnosis-html.js';
import { formatNumber } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { makeTerminal } from '../terminal/terminal.js';
import { chooseType } from '../training.js';
import { chosenModel, type ModelChoice, withModelChoice } from './model-choice.js';
import { jsonOption } from './options.js';
import { readTrainingHistories } from './training-history.js';

interface DiagnoseOptions extends ModelChoice {
  readonly data?: string;
  readonly machines?: string;
  readonly out: string;
  readonly json: boolean;
}

export function diagnoseCommand(signal: AbortSignal): Command {
  return withModelChoice(new Command('diagnose'))
    .description('what is wrong with a trained network, and what to try: a report with pictures')
    .option(
      '--data <file>',
      'data-set file (YAML); default: the history that the log of the deployment has kept',
    )
    .option('--machines <ids>', 'only these machines, separated by commas; * for any characters')
    .option('--out <file>', 'the report: one HTML file', 'diagnosis.html')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright diagnose --data history.yaml
  millwright diagnose --data history.yaml --model models/press/lstm-a3f27fd92569 --out press.html

The history should hold the machines that the network was trained on, and others.

Exit code: 0 nothing stands out, 1 something does, 2 wrong usage, data or configuration.`,
    )
    .action(async (options: DiagnoseOptions) => {
      const directory = await chosenModel(options);
      const { preprocessing } = await readArtifact(directory);
      const deployment = loadDeployment(options.config);
      const type = chooseType(deployment.types, preprocessing.spec.machineType);
      const terminal = makeTerminal(process.stderr);
      const histories = await readTrainingHistories(options, deployment, type, terminal, signal);
      const diagnosis = await diagnoseVersion(directory, histories);
      await writeFile(options.out, diagnosisHtml(diagnosis));
      printResult({ json: diagnosis, human: () => describe(diagnosis, resolve(options.out)) }, options.json);
      if (!diagnosis.verdicts.some(({ name }) => name === 'sound')) process.exitCode = 1;
    });
}

function describe({ version, training, unseen, verdicts }: NetworkDiagnosis, file: string): string {
  const brier = (value: number | null) => (value === null ? 'unknown' : formatNumber(value));
  return [
    `${version}: mean Brier score ${brier(unseen.brier)} on ${unseen.machineCount} machines that it has not seen${training ? `, ${brier(training.brier)} on the ${training.machineCount} that it was trained on` : ''}; marginal hazard ${brier(unseen.marginalBrier)}`,
    ...verdicts.flatMap(({ name, seen, tries }) => [
      '',
      `${name.replaceAll('-', ' ')}: ${seen}`,
      ...tries.map((each) => `  try ${each}`),
    ]),
    '',
    `With pictures: ${file}`,
  ].join('\n');
}
