/** `millwright simulate`: a factory that does not exist, with its troubles, as MQTT messages or in files. */
import { join } from 'node:path';
import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import type { TimedMessage } from '../replay-messages.js';
import { type Publish, replayTo, stepCloses } from '../replay-schedule.js';
import { type Factory, loadFactory, makeFactory, withScenario } from '../simulate/factory-config.js';
import { writeHistoryCsv } from '../simulate/history-csv.js';
import { LinesFile } from '../simulate/lines-file.js';
import { simulateFactory } from '../simulate/simulate-factory.js';
import type { Label } from '../simulate/simulated-machine.js';
import { formatCount, formatCounted, formatTime } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal } from '../terminal/terminal.js';
import { jsonOption, parseSpeed, wholeNumber } from './options.js';

interface SimulateOptions {
  readonly factory: string;
  readonly machines?: number;
  readonly days?: number;
  readonly seed?: number;
  readonly scenario?: string;
  readonly url?: string;
  readonly out?: string;
  readonly csv?: string;
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
    .option('--scenario <file>', 'what changes on the way (YAML), instead of what the file says')
    .option('--url <url>', 'publish the messages to this broker')
    .option('--out <file>', 'write the messages to this file, a JSON object a line')
    .option('--csv <folder>', 'write the history, without the troubles, to readings.csv and events.csv')
    .option('--labels <file>', 'write what really happened to this file, a JSON object a line')
    .option('--speed <factor>', 'with --url: how much faster than real time, or max', parseSpeed, 86_400)
    .option('--no-clock', 'with --url: do not publish the plant time to millwright/clock')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  millwright simulate --factory examples/simulated/factory.yaml --url mqtt://127.0.0.1:1883 --labels truth.jsonl\n  millwright simulate --factory examples/simulated/factory.yaml --days 30 --out messages.jsonl\n  millwright simulate --factory examples/simulated/factory.yaml --csv history\n  millwright simulate --factory examples/simulated/factory.yaml --scenario examples/simulated/scenario.yaml --csv history',
    )
    .action(async (options: SimulateOptions) => {
      if ([options.url, options.out, options.csv].filter((place) => place !== undefined).length !== 1)
        throw new UserError(
          'say where it goes, one of: --url mqtt://127.0.0.1:1883 for a broker, --out messages.jsonl for a file of messages, --csv history for tables',
        );
      const factory = chooseFactory(options);
      const labels = options.labels === undefined ? undefined : new LinesFile(options.labels);
      const onLabel = async (label: Label) => labels?.write(JSON.stringify(label));
      const bar = new ProgressBar('simulate', makeTerminal(process.stderr), wallClock);
      const { startAt, days } = factory.config;
      const onProgress = (timeMs: number, rows: string) =>
        bar.update(timeMs - startAt, days * dayMs, `${formatTime(timeMs)} · ${rows}`);
      try {
        if (options.csv === undefined)
          await writeMessages(factory, options, { signal, onLabel, onProgress, bar });
        else await writeTables(factory, options.csv, options.json, { signal, onLabel, onProgress, bar });
      } finally {
        await labels?.close();
      }
    });
}

interface Run {
  readonly signal: AbortSignal;
  readonly onLabel: (label: Label) => Promise<void>;
  readonly onProgress: (timeMs: number, rows: string) => void;
  readonly bar: ProgressBar;
}

async function writeMessages(factory: Factory, options: SimulateOptions, run: Run): Promise<void> {
  const { url, out = '' } = options;
  const target = url === undefined ? fileTarget(out) : await brokerTarget(url);
  try {
    const report = await replayTo(target.publish, messagesOf(factory, run.onLabel), {
      speed: url === undefined ? 'max' : options.speed,
      ...(options.clock && url !== undefined ? { clockMessages: stepCloses(factory.type) } : {}),
      signal: run.signal,
      onProgress: ({ timeMs, publishedCount }) =>
        run.onProgress(timeMs, formatCounted(publishedCount, 'message')),
    });
    const messages = formatCounted(report.publishedCount, 'message');
    run.bar.end(`${messages} of ${formatCounted(factory.config.machines, 'machine')}`);
    printResult({ json: report, human: () => `${messages} to ${url ?? out}` }, options.json);
  } finally {
    await target.close();
  }
}

async function writeTables(factory: Factory, folder: string, json: boolean, run: Run): Promise<void> {
  const report = await writeHistoryCsv(factory, folder, {
    signal: run.signal,
    onLabel: run.onLabel,
    onProgress: (timeMs, rowCount) => run.onProgress(timeMs, formatCounted(rowCount, 'row')),
  });
  run.bar.end(`history of ${formatCounted(factory.config.machines, 'machine')}`);
  printResult(
    {
      json: report,
      human: () =>
        `${formatCount(report.readingRowCount)} rows of readings to ${join(folder, 'readings.csv')}, ${formatCounted(report.eventRowCount, 'event')} to ${join(folder, 'events.csv')}`,
    },
    json,
  );
}

function chooseFactory({ factory: file, machines, days, seed, scenario }: SimulateOptions): Factory {
  const { config, type } = loadFactory(file);
  const factory = makeFactory(
    {
      ...config,
      machines: machines ?? config.machines,
      days: days ?? config.days,
      seed: seed ?? config.seed,
    },
    type,
  );
  return scenario === undefined ? factory : withScenario(factory, scenario);
}

async function* messagesOf(
  factory: Factory,
  onLabel: (label: Label) => Promise<void>,
): AsyncGenerator<TimedMessage> {
  for (const item of simulateFactory(factory)) {
    if (item.kind === 'message') yield item;
    else await onLabel(item.label);
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
  return {
    publish: (topic, payload) => lines.write(JSON.stringify({ topic, payload })),
    close: () => lines.close(),
  };
}
