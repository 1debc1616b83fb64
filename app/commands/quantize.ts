/** `millwright quantize`: a trained network in int8, if it forecasts nearly as well. */
import { Command, InvalidArgumentError } from 'commander';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { readArtifact } from '../../model/artifact.js';
import { quantizeVersion } from '../../model/quantized-artifact.js';
import { describeAdoption } from '../adoption.js';
import { loadDeployment } from '../config.js';
import { versionsFolder } from '../model-folder.js';
import { enter } from '../registry/introduce.js';
import { exitCodes } from '../terminal/exit-codes.js';
import { formatBytes, formatCount, formatCounted, formatNumber } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { makeTerminal } from '../terminal/terminal.js';
import { chooseType, codeVersion } from '../training.js';
import { judgingOrigins } from './judging-origins.js';
import { chosenModel, type ModelChoice, withModelChoice } from './model-choice.js';
import { type AuthorOptions, authorOf, jsonOption, withAuthor } from './options.js';
import { readTrainingHistories } from './training-history.js';

interface QuantizeOptions extends ModelChoice, AuthorOptions {
  readonly data?: string;
  readonly machines?: string;
  readonly lossMax: number;
  readonly use: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

export function quantizeCommand(signal: AbortSignal): Command {
  return withAuthor(withModelChoice(new Command('quantize')))
    .description('a trained network with 8-bit weights, if it forecasts nearly as well')
    .option('--data <file>', 'data-set file (YAML) to judge it by; default: the history in the log')
    .option('--machines <ids>', 'judge by these machines; default: what it has not learned from')
    .option(
      '--loss-max <percent>',
      'write nothing if the mean Brier score grows by more than this',
      parsePercent,
      0.05,
    )
    .option(
      '--use',
      'take it into use, unless it is worse than the network in use by more than --loss-max',
      false,
    )
    .option('--force', 'with --use: however it compares with the network in use', false)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Example:
  millwright quantize --data history.yaml --use

Exit code: 0 written (and in use, with --use), 1 it loses too much or is worse than the network in use, 2 wrong usage, data or configuration.`,
    )
    .action(async (options: QuantizeOptions) => {
      const deployment = loadDeployment(options.config);
      const directory = await chosenModel(options);
      const artifact = await readArtifact(directory, codeVersion());
      const { machineType } = artifact.preprocessing.spec;
      const type = chooseType(deployment.types, machineType);
      const histories = await readTrainingHistories(
        options,
        deployment,
        type,
        makeTerminal(process.stderr),
        signal,
      );
      const origins = judgingOrigins(artifact, histories, options.machines !== undefined);
      const { model } = deployment.config;
      const author = authorOf(options, 'quantize');
      const engine = new OnnxEngine();
      try {
        const { quantization, written } = await quantizeVersion({
          directory,
          modelsDirectory: versionsFolder(model.dir, machineType),
          origins,
          engine,
          lossMax: options.lossMax,
          codeVersion: codeVersion(),
        });
        const introduced =
          written &&
          (await enter(options.use, {
            ...{ model, type, histories, author, signal },
            version: written.version,
            judged: [written],
            force: options.force,
            lossMax: options.lossMax,
          }));
        const { brierBefore, brierAfter, loss, windowCount, machineCount } = quantization;
        const growth = `${loss < 0 ? '−' : '+'}${formatNumber(100 * Math.abs(loss))} %`;
        printResult(
          {
            json: {
              version: written?.version ?? null,
              directory: written?.directory ?? null,
              ...quantization,
              lossMax: options.lossMax,
              adoption: introduced ? { ...introduced.adoption, inUse: introduced.inUse } : null,
            },
            human: () =>
              [
                `Judged by ${formatCount(windowCount)} windows of ${formatCounted(machineCount, 'machine')}: mean Brier ${formatNumber(brierAfter)}, in float32 ${formatNumber(brierBefore)} (${growth})`,
                `${formatBytes(quantization.bytesAfter)} instead of ${formatBytes(quantization.bytesBefore)}`,
                ...(introduced ? describeAdoption(introduced.adoption) : []),
                written
                  ? `${introduced?.inUse ? 'In use from now on' : 'Written, not in use'}: ${written.directory}`
                  : `Not written: it loses more than ${formatNumber(100 * options.lossMax)} % (--loss-max)`,
              ].join('\n'),
          },
          options.json,
        );
        if (!written || introduced?.inUse === false) process.exitCode = exitCodes.failed;
      } finally {
        await engine.close();
      }
    });
}

function parsePercent(text: string): number {
  const value = Number(text);
  if (!(value >= 0)) throw new InvalidArgumentError('write a percentage such as 5.');
  return value / 100;
}
