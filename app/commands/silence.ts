/** `millwright silence add|list|end`: over the HTTP API of the plant that runs. */
import { Command, InvalidArgumentError } from 'commander';
import { parseDurationMs } from '../../domain/duration.js';
import type { SilencesWire } from '../../infra/http/wire.js';
import { printResult } from '../terminal/print-result.js';
import { formatSilences } from '../terminal/silence-table.js';
import { configOption, jsonOption } from './options.js';
import { askPage, type PageOptions, urlOption, userName } from './plant-page.js';

const path = '/api/v1/silences';

export function silenceCommand(): Command {
  const add = new Command('add')
    .description('mute the alerts that fit all matchers for a time')
    .argument('<matchers...>', 'such as machine=press-1 line=hot \'rule=~"near|far"\'')
    .requiredOption('--for <duration>', 'how long: 30m, 8h, 3d', duration)
    .option('--by <name>', 'who wants it; default: the user of this computer')
    .option('--comment <text>', 'why', '')
    .addOption(urlOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(
      async (
        matchers: string[],
        options: PageOptions & { readonly for: number; readonly by?: string; readonly comment: string },
      ) => {
        const { for: durationMs, by = userName(), comment } = options;
        const body = { matchers, durationMs, by, comment };
        const { id } = await askPage<{ id: string }>(options, 'POST', path, body);
        printResult({ json: { id }, human: () => id }, options.json);
      },
    );
  const list = new Command('list')
    .description('silences that are in force, to come, or over since less than five days')
    .addOption(urlOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: PageOptions) => {
      const found = await askPage<SilencesWire>(options, 'GET', path);
      printResult({ json: found, human: () => formatSilences(found) }, options.json);
    });
  const end = new Command('end')
    .description('end a silence now: what is open is told')
    .argument('<id>', 'as `silence list` shows it')
    .addOption(urlOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (id: string, options: PageOptions) => {
      await askPage(options, 'DELETE', `${path}/${encodeURIComponent(id)}`);
      printResult({ json: { id }, human: () => `${id} is over` }, options.json);
    });
  return new Command('silence')
    .description('mute alerts for a time, in the plant that runs')
    .addHelpText(
      'after',
      '\nExamples:\n  millwright silence add line=hot --for 8h --comment "bearing is on its way"\n  millwright silence list\n  millwright silence end 7f0c1a52-0d3c-4a5e-9d0e-2f1f4a9b6c11',
    )
    .addCommand(add)
    .addCommand(list)
    .addCommand(end);
}

function duration(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined)
    throw new InvalidArgumentError('write a number and a unit, such as 30m, 8h or 3d.');
  return durationMs;
}
