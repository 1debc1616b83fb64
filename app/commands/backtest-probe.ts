/** `millwright backtest probe`: damages the history in ways that honest forecasts must suffer from. */
import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import { readArtifact } from '../../model/artifact.js';
import { loadDeployment } from '../config.js';
import { runProbes } from '../leakage-probes.js';
import { formatProbes } from '../leakage-probes-text.js';
import { modelInUse } from '../model-folder.js';
import { formatSpan } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { type DataOptions, readFitOn, withDataOptions } from './backtest-data.js';
import { withNetworkInUse } from './network-in-use.js';
import { configOption, jsonOption, keepMachines, openDatasetFile } from './options.js';

interface ProbeOptions extends DataOptions {
  readonly config: string;
  readonly json: boolean;
}

export function probeCommand(signal: AbortSignal): Command {
  const command = new Command('probe')
    .description(
      'look for leakage: damage the history so that honest forecasts must suffer, and see that they do',
    )
    .addOption(configOption());
  return withDataOptions(command)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Example:
  millwright backtest probe --data history.yaml --machines "press-03*" --baseline-machines "press-00*,press-01*,press-02*"

Exit code: 0 nothing found, 1 a forecast looks ahead or a score is too good to be true, 2 wrong usage, data or configuration.`,
    )
    .action(async (_options: unknown, own: Command) => {
      // `backtest` has the same options, and takes them wherever they stand.
      const options = own.optsWithGlobals<ProbeOptions>();
      const { data } = options;
      if (data === undefined) throw new UserError('say what is probed: --data with a data-set file');
      const deployment = loadDeployment(options.config);
      await withNetworkInUse(deployment, options.type, async (predictor, type) => {
        const terminal = makeTerminal(process.stderr);
        const dataset = keepMachines(await openDatasetFile(data), options.machines);
        const reading = { deployment, type, terminal };
        const training = await readFitOn(options, { kind: 'dataset', dataset }, reading, signal);
        const artifact = await readArtifact(await modelInUse(deployment.config.model.dir, type.name));
        const startedMs = wallClock.nowMs();
        const bar = new ProgressBar('probe', terminal, wallClock);
        bar.update(0, 1, 'the history as it is, and with its future exchanged');
        const probes = await runProbes({ deployment, type, predictor, dataset, training, artifact, signal });
        bar.end(`${dataset.name} in ${formatSpan(wallClock.nowMs() - startedMs)}`);
        const json = { dataset: dataset.name, ...probes };
        printResult({ json, human: () => formatProbes(probes) }, options.json);
        if (probes.warnings.length > 0) process.exitCode = 1;
      });
    });
}
