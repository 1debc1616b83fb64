/** `millwright track`: the forecasts that the plant has issued, held against what happened since. */
import { Command, Option } from 'commander';
import type { AlertBounds } from '../../backtest/alert-score.js';
import { type PeriodLength, periodLengths } from '../calendar-periods.js';
import { loadDeployment } from '../config.js';
import { openLog } from '../open-log.js';
import { printResult } from '../terminal/print-result.js';
import { makeTerminal } from '../terminal/terminal.js';
import { trackForecasts } from '../track.js';
import { formatTrack, trackNotes } from '../track-text.js';
import { chooseType } from '../training.js';
import { withBaselineOptions } from './backtest-data.js';
import { boundsOption, configOption, jsonOption, keepMachines, openDatasetFile } from './options.js';
import { periodOf } from './period-options.js';
import { readHistoriesOf, tellNotes } from './read-histories.js';
import { readResult } from './read-result.js';

interface TrackOptions {
  readonly config: string;
  readonly from?: string;
  readonly to?: string;
  readonly by: PeriodLength;
  readonly promise?: string;
  readonly baselineData?: string;
  readonly baselineMachines?: string;
  readonly type?: string;
  readonly bounds: AlertBounds;
  readonly json: boolean;
}

export function trackCommand(signal: AbortSignal): Command {
  const command = new Command('track')
    .description('hold the forecasts that the plant has issued against what happened since')
    .addOption(configOption())
    .option('--from <day>', 'only forecasts issued on this day (of the plant) or later, such as 2026-03-01')
    .option('--to <day>', 'only forecasts issued up to the end of this day')
    .addOption(
      new Option('--by <length>', 'periods that are told apart').choices([...periodLengths]).default('month'),
    )
    .option(
      '--promise <file>',
      'result of `backtest --json` that its network is held to; default: the validation of its training',
    );
  return withBaselineOptions(command, 'what the plant had seen before the first of these forecasts')
    .addOption(boundsOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright track -c plant.yaml
  millwright track --from 2026-03-01 --by week --baseline-data history.yaml --json

Forecasts whose days have not all passed count for those that have. A plant that runs is asked while it runs.

Exit code: 0 judged, 2 wrong usage, or nothing to judge.`,
    )
    .action(async (options: TrackOptions) => {
      const deployment = loadDeployment(options.config);
      const type = chooseType(deployment.types, options.type);
      const terminal = makeTerminal(process.stderr);
      const period = periodOf(options, type);
      const backtest = options.promise === undefined ? undefined : await readResult(options.promise);
      const training =
        options.baselineData === undefined
          ? undefined
          : ((
              await readHistoriesOf(
                keepMachines(await openDatasetFile(options.baselineData), options.baselineMachines),
                deployment,
                terminal,
                signal,
              )
            ).get(type.name) ?? []);
      const log = await openLog(deployment.config, 'read-only');
      try {
        const track = await trackForecasts({
          deployment,
          type,
          log,
          period,
          by: options.by,
          bounds: options.bounds,
          ...(training && { training }),
          ...(backtest && { backtest }),
        });
        tellNotes(terminal, trackNotes(track));
        printResult({ json: track, human: () => formatTrack(track) }, options.json);
      } finally {
        await log.close();
      }
    });
}
