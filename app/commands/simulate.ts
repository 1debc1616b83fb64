/** `millwright simulate`: a factory that does not exist, with its troubles, as MQTT messages or in files. */

import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import type { TimedMessage } from '../replay-messages.js';
import { type Publish, replayTo, stepCloses } from '../replay-schedule.js';
import { type Factory, loadFactory, makeFactory } from '../simulate/factory-config.js';
import { simulateFactory } from '../simulate/simulate-factory.js';
import { formatCount, formatTime } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { jsonOption, parseSpeed, wholeNumber } from './options.js';

interface SimulateOptions {
  readonly factory: string;
  readonly machines?: number;
  readonly days?: number;
  readonly seed?: number;
  readonly url?: string;
  readonly out?: string;
  readonly labels?: string;
  readonly speed: number | 'max';
  readonly clock: boolean;
  readonly json: boolean;
}

const dayMs = 86_400_000;

export function simulateCommand(signal: AbortSignal): Command {
  return new Command('simulate')
    .description('simulate a factory: wear, faults, repairs, gateways that go offline, clocks that are wrong')
    .requiredOption('--factory <file>', 'factory file (YAML)')
    .option('--machines <count>', 'machines, instead of what the file says', wholeNumber(1))
    .option('--days <count>', 'days, instead of what the file says', wholeNumber(1))
    .option(
      '--seed <number>',
      'seed, instead of what the file says: the same seed gives the same messages',
      wholeNumber(0),
    )
    .option('--url <url>', 'publish to this broker')
    .option('--out <file>', 'write the messages to this file, a JSON object a line')
    .option('--labels <file>', 'write what really happened to this file, a JSON object a line')
    .option('--speed <factor>', 'with --url: how much faster than real time, or max', parseSpeed, 86_400)
    .option('--no-clock', 'with --url: do not publish the plant time to millwright/clock')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  millwright simulate --factory examples/simulated/factory.yaml --url mqtt://127.0.0.1:1883 --labels truth.jsonl\n  millwright simulate --factory examples/simulated/factory.yaml --days 30 --out messages.jsonl',
    )
    .action(async (options: SimulateOptions) => {
      if ((options.url === undefined) === (options.out === undefined))
        throw new UserError('say where the messages go: --url for a broker, or --out for a file');
      const factory = chooseFactory(options);
      const labels = options.labels === undefined ? undefined : new LinesFile(options.labels);
      const { config } = factory;
      const bar = new ProgressBar('simulate', makeTerminal(process.stderr), wallClock);
      const target =
        options.url === undefined ? fileTarget(options.out as string) : await brokerTarget(options.url);
      try {
        const report = await replayTo(target.publish, messagesOf(factory, labels), {
          speed: options.url === undefined ? 'max' : options.speed,
          ...(options.clock && options.url !== undefined ? { clockMessages: stepCloses(factory.type) } : {}),
          signal,
          onProgress: ({ timeMs, publishedCount }) =>
            bar.update(
              timeMs - config.startAt,
              config.days * dayMs,
              `${formatTime(timeMs)} · ${formatCount(publishedCount)} messages`,
            ),
        });
        bar.end(`${formatCount(report.publishedCount)} messages of ${formatCount(config.machines)} machines`);
        printResult(
          {
            json: report,
            human: () => `${formatCount(report.publishedCount)} messages to ${options.url ?? options.out}`,
          },
          options.json,
        );
      } finally {
        await target.close();
        await labels?.close();
      }
    });
}

function chooseFactory({ factory: file, machines, days, seed }: SimulateOptions): Factory {
  const { config, type } = loadFactory(file);
  return makeFactory(
    {
      ...config,
      machines: machines ?? config.machines,
      days: days ?? config.days,
      seed: seed ?? config.seed,
    },
    type,
  );
}

async function* messagesOf(factory: Factory, labels: LinesFile | undefined): AsyncGenerator<TimedMessage> {
  for (const item of simulateFactory(factory)) {
    if (item.kind === 'message') yield item;
    else await labels?.write(item.label);
  }
}

interface Target {
  readonly publish: Publish;
  close(): Promise<void>;
}

async function brokerTarget(url: string): Promise<Target> {
  const publisher = await connectPublisher({ url });
  return { publish: (topic, payload) => publisher.publish(topic, payload), close: () => publisher.end() };
}

function fileTarget(file: string): Target {
  const lines = new LinesFile(file);
  return { publish: (topic, payload) => lines.write({ topic, payload }), close: () => lines.close() };
}

/** A file of JSON lines that waits for the disk when it is behind. */
class LinesFile {
  readonly #stream: WriteStream;

  constructor(file: string) {
    this.#stream = createWriteStream(file);
  }

  async write(value: unknown): Promise<void> {
    if (!this.#stream.write(`${JSON.stringify(value)}\n`)) await once(this.#stream, 'drain');
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#stream.end((error?: Error | null) => (error ? reject(error) : resolve()));
    });
  }
}
