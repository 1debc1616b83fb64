/** `millwright export`: a trained network as a file for other programs. */
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { UserError } from '../../domain/errors.js';
import { type ReadArtifact, readArtifact } from '../../model/artifact.js';
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
      '\nExample:\n  millwright export --out press.onnx\n\nExit code: 0, or 2 when the network cannot be used or the file exists.',
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
