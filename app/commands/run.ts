/** `millwright run`: the pipeline of a plant, until it is told to stop. */
import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import { loadDeployment } from '../config.js';
import { makeLogger } from '../logger.js';
import { startPipeline } from '../pipeline.js';
import { parseRoles, roles } from '../roles.js';
import { formatLedger } from '../terminal/ledger-line.js';
import { configOption, portNumber } from './options.js';

interface RunOptions {
  readonly config: string;
  readonly roles: string;
  readonly statusPort?: number;
  readonly jsonLogs: boolean;
}

export function runCommand(signal: AbortSignal): Command {
  return new Command('run')
    .description('run the pipeline: take messages, forecast, alert, show the page')
    .addOption(configOption())
    .option(
      '--roles <list>',
      `what this process does, separated by commas: ${roles.join(', ')}`,
      roles.join(','),
    )
    .option(
      '--status-port <port>',
      'answer /health and /metrics at this port of http.host, in a process without the role page',
      portNumber,
    )
    .option('--json-logs', 'print the log as JSON lines on a terminal, too', false)
    .addHelpText(
      'after',
      '\nExamples:\n  millwright run\n  millwright run -c plant.yaml --roles ingest,stream\n\nThe log of the process goes to stderr: readable lines on a terminal, else JSON lines. Ctrl-C takes no more messages, finishes those taken, and says what it did.',
    )
    .action(async (options: RunOptions) => {
      const { statusPort } = options;
      const roles = parseRoles(options.roles);
      if (statusPort !== undefined && roles.has('page'))
        throw new UserError('--status-port: the page answers /health and /metrics itself; leave it out');
      const deployment = loadDeployment(options.config);
      const logger = makeLogger(process.stderr, wallClock, options.jsonLogs);
      const pipeline = await startPipeline({ deployment, roles, logger, statusPort });
      const { ingest, pageUrl } = pipeline;
      if (ingest) logger.info({ url: ingest.brokerUrl }, `taking messages at ${ingest.brokerUrl}`);
      if (pageUrl !== undefined) logger.info({ url: pageUrl }, `the page is at ${pageUrl}`);
      try {
        await Promise.race([pipeline.failed, untilAborted(signal)]);
      } finally {
        logger.info({}, `stopped; ${formatLedger(await pipeline.close())}`);
      }
    });
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
