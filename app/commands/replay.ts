/** `millwright replay`: files → MQTT, at a chosen speed. */
import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { loadDeployment } from '../config.js';
import { anyStepCloses, topicOfMachine } from '../history.js';
import { datasetMessages } from '../replay-messages.js';
import { replayTo } from '../replay-schedule.js';
import { formatCount, formatTime } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { configOption, jsonOption, keepMachines, openDatasetFile, parseSpeed } from './options.js';

interface ReplayOptions {
  readonly config: string;
  readonly data: string;
  readonly machines?: string;
  readonly url: string;
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
    .option('--url <url>', 'broker to publish to', 'mqtt://127.0.0.1:1883')
    .option('--speed <factor>', 'how much faster than real time, or max', parseSpeed, 86_400)
    .option(
      '--no-clock',
      'do not publish the plant time to millwright/clock (a plant with `ingest.time: messages` wants it)',
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  millwright replay -c examples/demo/millwright.yaml --data examples/demo/train.yaml --machines "unit-8*" --speed max',
    )
    .action(async (options: ReplayOptions) => {
      const deployment = loadDeployment(options.config);
      const dataset = keepMachines(await openDatasetFile(options.data), options.machines);
      const publisher = await connectPublisher({ url: options.url });
      const bar = new ProgressBar('replay', makeTerminal(process.stderr), wallClock);
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
            human: () => `${dataset.name}: ${formatCount(report.publishedCount)} messages to ${options.url}`,
          },
          options.json,
        );
      } finally {
        await publisher.end();
      }
    });
}
