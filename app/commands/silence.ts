/** `millwright silence add|list|end`: over the HTTP API of the plant that runs. */
import { userInfo } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDurationMs } from '../../domain/duration.js';
import { UserError, WorldError } from '../../domain/errors.js';
import type { ErrorWire, SilencesWire } from '../../infra/http/wire.js';
import { loadDeployment } from '../config.js';
import { printResult } from '../terminal/print-result.js';
import { formatSilences } from '../terminal/silence-table.js';
import { configOption, jsonOption } from './options.js';

interface Where {
  readonly config: string;
  readonly url?: string;
  readonly json: boolean;
}

const urlOption = () => new Option('--url <url>', 'address of the page; default: that of the deployment');

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
        options: Where & { readonly for: number; readonly by?: string; readonly comment: string },
      ) => {
        const { for: durationMs, by = userName(), comment } = options;
        const body = { matchers, durationMs, by, comment };
        const { id } = await ask<{ id: string }>(options, 'POST', '', body);
        printResult({ json: { id }, human: () => id }, options.json);
      },
    );
  const list = new Command('list')
    .description('silences that are in force, to come, or over since less than five days')
    .addOption(urlOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: Where) => {
      const found = await ask<SilencesWire>(options, 'GET', '');
      printResult({ json: found, human: () => formatSilences(found) }, options.json);
    });
  const end = new Command('end')
    .description('end a silence now: what is open is told')
    .argument('<id>', 'as `silence list` shows it')
    .addOption(urlOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (id: string, options: Where) => {
      await ask(options, 'DELETE', `/${encodeURIComponent(id)}`);
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

/** In a container a user may be a number only. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    throw new UserError('This user has no name here: say who wants the silence with --by NAME.');
  }
}

function duration(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined)
    throw new InvalidArgumentError('write a number and a unit, such as 30m, 8h or 3d.');
  return durationMs;
}

async function ask<T>({ config, url }: Where, method: string, path: string, body?: unknown): Promise<T> {
  const base = url ?? pageOf(config);
  let response: Response;
  try {
    response = await fetch(new URL(`/api/v1/silences${path}`, base), {
      method,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new WorldError(
      'unreachable',
      `no plant answers at ${base}: start it (millwright run), or name its page with --url`,
      { retryable: true, cause },
    );
  }
  if (response.ok) return (await response.json()) as T;
  // What is not our JSON is a proxy's: its status says all there is.
  const { message } = ((await response.json().catch(() => null)) as ErrorWire | null)?.error ?? {
    message: `${base} answered ${response.status}`,
  };
  if (response.status < 500) throw new UserError(message);
  throw new WorldError('unreachable', message, { retryable: true });
}

function pageOf(config: string): string {
  const { host, port } = loadDeployment(config).config.http;
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
