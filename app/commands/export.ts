/** `millwright export`: a trained network as a file for other programs. */
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { UserError } from '../../domain/errors.js';
import { writeLayersModel } from '../../infra/tfjs/layers-file.js';
import { type ReadArtifact, readArtifact } from '../../model/artifact.js';
import { readNetworks } from '../../model/explanation/stored-networks.js';
import { exportOnnx } from '../../model/export-onnx.js';
import { formatBytes } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { codeVersion } from '../training.js';
import { chosenModel, type ModelChoice, withModelChoice } from './model-choice.js';
import { jsonOption } from './options.js';

interface ExportOptions extends ModelChoice {
  readonly format: Format;
  readonly out: string;
  readonly json: boolean;
}

interface Exported {
  readonly bytes: number;
  /** A sentence or two: what is needed to run it. */
  readonly note: string;
}

/** Each writes `out`, which must not exist yet. */
const formats = {
  onnx: async (artifact: ReadArtifact, out: string): Promise<Exported> => {
    const model = exportOnnx(artifact);
    await writeFile(out, model, { flag: 'wx' });
    return {
      bytes: model.length,
      note: 'Any ONNX runtime runs it. What goes in and comes out, with the names of the features, is in its metadata.',
    };
  },
  tfjs: async (artifact: ReadArtifact, out: string): Promise<Exported> => {
    const [network, ...others] = readNetworks(artifact);
    if (network === undefined || others.length > 0)
      throw new UserError(
        `${artifact.version} is an ensemble: export one of the networks that it was made of, with --model`,
      );
    return {
      bytes: await writeLayersModel(network, out),
      note: '`tf.loadLayersModel` reads it, `millwright import` takes it back. It is the network alone, from standardised inputs to the failure probabilities, without calibration: userDefinedMetadata in model.json says how inputs are made.',
    };
  },
} as const;
type Format = keyof typeof formats;

export function exportCommand(): Command {
  return withModelChoice(new Command('export'))
    .description('write a trained network as a file for other programs')
    .requiredOption('--out <path>', 'what to write; must not exist')
    .addOption(
      new Option('--format <name>', 'what to write it as')
        .choices(Object.keys(formats))
        .default('onnx' satisfies Format),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  millwright export --out press.onnx\n  millwright export --format tfjs --out press-tfjs       (a folder: model.json, weights.bin)\n\nExit code: 0, or 2 when the network cannot be used or the file exists.',
    )
    .action(async (options: ExportOptions) => {
      const { format, out } = options;
      const artifact = await readArtifact(await chosenModel(options), codeVersion());
      const { bytes, note } = await formats[format](artifact, out).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code !== 'EEXIST') throw cause;
        throw new UserError(`${out} exists already: remove it, or choose another path for --out`, { cause });
      });
      printResult(
        {
          json: { version: artifact.version, format, out, bytes },
          human: () => `${out}: ${artifact.version}, ${formatBytes(bytes)}\n${note}`,
        },
        options.json,
      );
    });
}
