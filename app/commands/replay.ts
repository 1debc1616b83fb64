/** `millwright replay`: files → MQTT, at a chosen speed. */
import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import type { Dataset } from '../../domain/dataset.js';
import { UserError } from '../../domain/errors.js';
import { connectPublisher, type PublisherOptions } from '../../infra/mqtt/publisher.js';
import { type Deployment, loadDeployment } from '../config.js';
import { datasetNotes } from '../dataset-notes.js';
import { anyStepCloses, topicOfMachine } from '../history.js';
import { replayProblem } from '../replay-fit.js';
import { datasetMessages } from '../replay-messages.js';
import { replayTo } from '../replay-schedule.js';
import { formatCount, formatTime } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { configOption, jsonOption, keepMachines, openDatasetFile, parseSpeed } from './options.js';
import { tellNotes } from './read-histories.js';

interface ReplayOptions {
  readonly config: string;
  readonly data: string;
  readonly machines?: string;
  readonly url?: string;
  readonly speed: number | 'max';
  readonly clock: boolean;
  readonly json: boolean;
}

export function replayCommand(signal: AbortSignal): Command {
  return new Command('replay')
    .description('publish recorded history as MQTT messages')
    .addOption(configOption())
    .requiredOption('--data <file>', 'data-set file (YAML)')
    .option('--machines <ids>', 'only these machines, separated by commas; * for any characters')
    .option('--url <url>', 'broker to publish to; default: that of the deployment')
    .option('--speed <factor>', 'how much faster than real time, or max', parseSpeed, 86_400)
    .option(
      '--no-clock',
      'do not publish the plant time to millwright/clock (a plant with `ingest.time: messages` wants it)',
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright replay --data history.yaml --speed max
  millwright replay -c examples/demo/millwright.yaml --data examples/demo/train.yaml --machines "unit-8*" --speed max

The pipeline that takes it (millwright run) needs \`ingest: { time: messages }\` and a log that has not seen a later time: for one
that keeps the time of its computer, the readings of the past are late.`,
    )
    .action(async (options: ReplayOptions) => {
      const deployment = loadDeployment(options.config);
      const dataset = keepMachines(await openDatasetFile(options.data), options.machines);
      const terminal = makeTerminal(process.stderr);
      const broker = brokerOf(deployment, options.url);
      tellNotes(terminal, [
        ...datasetNotes(dataset, deployment.directory),
        ...clockNotes(deployment, dataset),
      ]);
      const [machine] = dataset.machines;
      const problem = machine && replayProblem(deployment, topicOfMachine(deployment)(machine.machine));
      if (problem !== undefined) throw new UserError(problem);
      const publisher = await connectPublisher(broker);
      const bar = new ProgressBar('replay', terminal, wallClock);
      const endMs = Math.max(...dataset.machines.map(({ lastMs }) => lastMs));
      const startMs = Math.min(...dataset.machines.map(({ firstMs }) => firstMs));
      try {
        const report = await replayTo(
          (topic, payload) => publisher.publish(topic, payload),
          datasetMessages(dataset, topicOfMachine(deployment)),
          {
            speed: options.speed,
            ...(options.clock ? { clockMessages: anyStepCloses(deployment) } : {}),
            signal,
            onProgress: ({ timeMs, publishedCount }) =>
              bar.update(
                timeMs - startMs,
                endMs - startMs,
                `${formatTime(timeMs)} · ${formatCount(publishedCount)} messages`,
              ),
          },
        );
        bar.end(
          `${formatCount(report.publishedCount)} messages acknowledged${report.stoppedBy === 'signal' ? `, stopped at ${formatTime(report.timeMs)}` : ''}`,
        );
        printResult(
          {
            json: report,
            human: () =>
              `${dataset.name}: ${formatCount(report.publishedCount)} messages to ${broker.url}; \`millwright ledger\` tells what became of them`,
          },
          options.json,
        );
      } finally {
        await publisher.end();
      }
    });
}

/** The deployment's own broker, with its user name and password; or the one at `url`. */
function brokerOf({ config }: Deployment, url: string | undefined): PublisherOptions {
  if (url !== undefined) return { url };
  if (config.mqtt.kind === 'client') {
    const { kind: _kind, clientId: _ours, password, ...connection } = config.mqtt;
    return { ...connection, ...(password === undefined ? {} : { password: password.reveal() }) };
  }
  const { host, port, username, password } = config.mqtt;
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return {
    url: `mqtt://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
  };
}

function clockNotes({ config }: Deployment, { machines }: Dataset): string[] {
  if (config.ingest.time === 'messages') return [];
  const lastMs = Math.max(...machines.map((machine) => machine.lastMs));
  return [
    `ingest.time is wall in this deployment: a pipeline that runs so takes readings of the past (up to ${formatTime(lastMs)}) for late`,
  ];
}
