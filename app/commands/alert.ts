/** `millwright alert list|ack|assign|comment|feedback`: over the HTTP API of the plant that runs. */
import { Argument, Command, Option } from 'commander';
import type { AlertsWire } from '../../infra/http/wire.js';
import { formatAlerts } from '../terminal/alert-table.js';
import { printResult } from '../terminal/print-result.js';
import { configOption, jsonOption } from './options.js';
import { askPage, type PageOptions, urlOption, userName } from './plant-page.js';

const path = '/api/v1/alerts';

interface Said extends PageOptions {
  readonly by?: string;
  readonly comment: string;
}

/** A command about one alert, with who says it. */
function about(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<id>', 'of the alert, as `alert list` shows it')
    .option('--by <name>', 'who says it; default: the user of this computer')
    .addOption(urlOption())
    .addOption(configOption())
    .addOption(jsonOption());
}

async function say(options: Said, id: string, what: string, body: object, done: string): Promise<void> {
  const { by = userName() } = options;
  const answer = await askPage<object>(options, 'POST', `${path}/${encodeURIComponent(id)}/${what}`, {
    ...body,
    by,
  });
  printResult({ json: answer, human: () => done }, options.json);
}

const commentOption = () => new Option('--comment <text>', 'what else there is to say').default('');

export function alertCommand(): Command {
  const list = new Command('list')
    .description('alerts that are open')
    .option('--machine <id>', 'of this machine, those that are over too')
    .addOption(urlOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: PageOptions & { readonly machine?: string }) => {
      const which = new URLSearchParams(
        options.machine === undefined
          ? { state: 'pending,firing,not-assessable' }
          : { machine: options.machine },
      );
      const found = await askPage<AlertsWire>(options, 'GET', `${path}?${which}`);
      printResult({ json: found, human: () => formatAlerts(found) }, options.json);
    });
  const ack = about('ack', 'somebody has seen it: it is not told again')
    .addOption(commentOption())
    .action((id: string, options: Said) =>
      say(options, id, 'acknowledge', { comment: options.comment }, `${id} is acknowledged`),
    );
  const assign = about('assign', 'name who is to look after it')
    .requiredOption('--to <name>', 'who is to look after it')
    .addOption(commentOption())
    .action((id: string, options: Said & { readonly to: string }) =>
      say(
        options,
        id,
        'assign',
        { to: options.to, comment: options.comment },
        `${id} is assigned to ${options.to}`,
      ),
    );
  const comment = about('comment', 'add to its history')
    .argument('<text>', 'what was found, what will be done')
    .action((id: string, text: string, options: Said) =>
      say(options, id, 'comment', { comment: text }, `${id} is commented on`),
    );
  const feedback = about('feedback', 'what turned out to be true')
    .addArgument(
      new Argument('<verdict>', 'true: there was a fault; false: the machine was well').choices([
        'true',
        'false',
        'unclear',
      ]),
    )
    .option('--fault <code>', "what it was, in the plant's own words", '')
    .addOption(commentOption())
    .action((id: string, verdict: string, options: Said & { readonly fault: string }) =>
      say(
        options,
        id,
        'feedback',
        { verdict, fault: options.fault, comment: options.comment },
        `${id}: noted, ${verdict}`,
      ),
    );
  return new Command('alert')
    .description('list, acknowledge, assign and comment on alerts, in the plant that runs')
    .addHelpText(
      'after',
      `
Examples:
  millwright alert list
  millwright alert ack near/press-033/1772409600000 --comment "bearing is on its way"
  millwright alert assign near/press-033/1772409600000 --to Kim
  millwright alert comment near/press-033/1772409600000 "inner ring is worn"
  millwright alert feedback near/press-033/1772409600000 true --fault BRG-2`,
    )
    .addCommand(list)
    .addCommand(ack)
    .addCommand(assign)
    .addCommand(comment)
    .addCommand(feedback);
}
