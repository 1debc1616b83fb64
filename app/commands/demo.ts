/**
 * `millwright demo`: the whole pipeline on NASA's turbofan engines, nothing installed. Trains a network on 80 engines (or
 * takes the one trained before), then publishes the readings of 20 engines it has never seen, over MQTT, until each fails.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { wallClock } from '../../domain/clock.js';
import type { Dataset } from '../../domain/dataset.js';
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { trainingConfigSchema } from '../../model/config.js';
import { type Deployment, loadDeployment } from '../config.js';
import { Board } from '../demo/board.js';
import { freePort } from '../demo/free-port.js';
import { LockStep } from '../demo/lock-step.js';
import { formatVerdict, judgeDemo, type Verdict } from '../demo/verdict.js';
import { anyStepCloses, buildHistories, topicOfMachine } from '../history.js';
import { silentLogger } from '../logger.js';
import { currentVersionFolder } from '../model-folder.js';
import { type Pipeline, startPipeline } from '../pipeline.js';
import { requirePredictor } from '../predictors.js';
import { datasetMessages } from '../replay-messages.js';
import { replayTo } from '../replay-schedule.js';
import { roles } from '../roles.js';
import { exitCodes } from '../terminal/exit-codes.js';
import { formatCounted, formatNumber, formatSpan } from '../terminal/format.js';
import { formatLedger } from '../terminal/ledger-line.js';
import { LiveRegion } from '../terminal/live-region.js';
import { printResult } from '../terminal/print-result.js';
import { ProgressBar } from '../terminal/progress.js';
import { makeTerminal, type Terminal } from '../terminal/terminal.js';
import { trainingNote } from '../terminal/training-note.js';
import { chooseType, trainNetworkFor } from '../training.js';
import { keepMachines, openDatasetFile, parseSpeed } from './options.js';
import { untilAborted } from './run.js';

const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));
const dayMs = 86_400_000;

/** Engines 1 to 80 train, 81 to 100 are watched: the network never sees one of them before. */
const trainingEngines = Array.from({ length: 80 }, (_, index) => `unit-${index + 1}`).join(',');
const watchedEngines = Array.from({ length: 20 }, (_, index) => `unit-${index + 81}`).join(',');

interface DemoOptions {
  readonly once: boolean;
  readonly retrain: boolean;
  readonly speed?: number | 'max';
  readonly json: boolean;
}

export function demoCommand(signal: AbortSignal): Command {
  return new Command('demo')
    .description('watch 20 engines run to their failure, on real benchmark data; nothing to install')
    .option(
      '--once',
      'go as fast as it goes, end with the verdict; exit code 1 if it is not as promised',
      false,
    )
    .option('--retrain', 'train again even if there is a network from before', false)
    .option(
      '--speed <factor>',
      'plant time over real time, or max (default: two days a second; with --once: max)',
      parseSpeed,
    )
    .option('--json', 'print the verdict as JSON', false)
    .addHelpText(
      'after',
      '\nExamples:\n  npm run demo\n  npm run demo -- --once\n  npm run demo -- --speed 864000\n',
    )
    .action(async (options: DemoOptions) => {
      const terminal = makeTerminal(process.stderr);
      const deployment = await demoDeployment();
      const type = chooseType(deployment.types, undefined);
      terminal.print(
        '\nMillwright demo · NASA C-MAPSS FD001, simulated turbofan engines run to failure, one cycle = one day\n',
      );
      const histories = await trainingHistories(deployment, type, signal);
      await ensureNetwork(deployment, type, histories, options, terminal, signal);
      const dataset = keepMachines(
        await openDatasetFile(join(packageRoot, 'examples/demo/train.yaml')),
        watchedEngines,
      );
      await clearLastRun(deployment);
      const pipeline = await startPipeline({ deployment, roles: new Set(roles), logger: silentLogger });
      try {
        const predictor = requirePredictor(pipeline.models ?? new Map(), type.name);
        sayAddresses(terminal, pipeline, deployment);
        await watch({
          deployment,
          dataset,
          pipeline,
          terminal,
          speed: options.speed ?? (options.once ? 'max' : 2 * 86_400),
          signal,
        });
        if (signal.aborted) return;
        const verdict = await judgeDemo({
          deployment,
          type,
          predictor,
          dataset,
          training: histories,
          log: pipeline.log,
        });
        const startMs = startOf(dataset);
        printResult(
          {
            json: verdict,
            human: () => `\n${formatVerdict(verdict, startMs, makeTerminal(process.stdout).paint)}`,
          },
          options.json,
        );
        if (options.once) process.exitCode = verdictCode(verdict);
        else {
          terminal.print(`\n  The page stays at ${pipeline.pageUrl}; Ctrl-C ends.`);
          await Promise.race([untilAborted(signal), pipeline.failed]);
        }
      } finally {
        const ledger = await pipeline.close();
        terminal.print(`  ${formatLedger(ledger)}`);
        terminal.print('  Look back: npx millwright predict unit-84 -c examples/demo/millwright.yaml');
      }
    });
}

function verdictCode({ passed }: Verdict): number {
  return passed ? exitCodes.ok : exitCodes.failed;
}

/** The deployment that is shipped, on free ports. */
async function demoDeployment(): Promise<Deployment> {
  const deployment = loadDeployment(join(packageRoot, 'examples/demo/millwright.yaml'));
  const { mqtt, http } = deployment.config;
  if (mqtt.kind !== 'embedded') return deployment;
  return {
    ...deployment,
    config: {
      ...deployment.config,
      mqtt: { ...mqtt, port: await freePort(mqtt.port) },
      http: { ...http, port: await freePort(http.port) },
    },
  };
}

async function trainingHistories(
  deployment: Deployment,
  type: MachineType,
  signal: AbortSignal,
): Promise<readonly History[]> {
  const dataset = keepMachines(
    await openDatasetFile(join(packageRoot, 'examples/demo/train.yaml')),
    trainingEngines,
  );
  return (await buildHistories(deployment, dataset, signal)).get(type.name) ?? [];
}

async function ensureNetwork(
  deployment: Deployment,
  type: MachineType,
  histories: readonly History[],
  options: DemoOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const modelDir = deployment.config.model.dir;
  const before = await currentVersionFolder(modelDir, type.name);
  if (before !== undefined && !options.retrain) {
    terminal.print(`  train    the network of before is used: ${before} (--retrain trains again)`);
    return;
  }
  const startedMs = wallClock.nowMs();
  const bar = new ProgressBar('train', terminal, wallClock);
  const { metrics } = await trainNetworkFor({
    type,
    histories,
    modelDir,
    config: trainingConfigSchema.parse({}),
    seed: 1,
    signal,
    onProgress: (progress) => bar.update(progress.step, progress.of, trainingNote(progress)),
  });
  const took = formatSpan(wallClock.nowMs() - startedMs);
  bar.end(
    `${formatCounted(metrics.trainingMachineCount, 'engine')} in ${took} · mean Brier score ${formatNumber(metrics.validationMeanBrier)} on ${metrics.validationMachineCount} held-out engines`,
  );
}

/** The engines begin again at their first day: what the log and store of the last run hold is no part of it. */
async function clearLastRun(deployment: Deployment): Promise<void> {
  const { dataDir } = deployment.config;
  // Refuses, with a sentence, while another demo runs in this folder.
  await (await openEmbeddedLog({ dir: join(dataDir, 'log') })).close();
  for (const part of ['log', 'store']) await rm(join(dataDir, part), { recursive: true, force: true });
}

function sayAddresses(terminal: Terminal, { ingest, pageUrl }: Pipeline, { config }: Deployment): void {
  terminal.print(`  broker   ${ingest?.brokerUrl}      page  ${pageUrl}      log  ${config.dataDir}\n`);
}

/** Publishes the engines' lives and shows what comes of it, until the last failure. */
async function watch(run: {
  readonly deployment: Deployment;
  readonly dataset: Dataset;
  readonly pipeline: Pipeline;
  readonly terminal: Terminal;
  readonly speed: number | 'max';
  readonly signal: AbortSignal;
}): Promise<void> {
  const { deployment, dataset, pipeline, terminal, signal } = run;
  const board = new Board(startOf(dataset), deployment.config.alerts.severities);
  const region = new LiveRegion(terminal, wallClock);
  const stopped = Promise.race([untilAborted(signal), pipeline.failed]);
  const lockStep = new LockStep(deployment.config.log.partitions);
  const unsubscribe = pipeline.live.subscribe((record) => {
    lockStep.take(record);
    const notable = board.take(record);
    if (!notable) return;
    const mark = notable.kind === 'failure' ? terminal.paint.dim('✕') : terminal.paint.warning('▲');
    region.print(`  ${mark} day ${String(notable.day).padEnd(4)} ${notable.text}`);
  });
  const brokerUrl = pipeline.ingest?.brokerUrl ?? '';
  const publisher = await connectPublisher({ url: brokerUrl });
  const draw = () =>
    region.update(board.lines(terminal.paint, pipeline.ingest?.ingest.counters().messages ?? 0));
  try {
    const published = replayTo(
      (topic, payload) => publisher.publish(topic, payload),
      datasetMessages(dataset, topicOfMachine(deployment)),
      {
        speed: run.speed,
        clockMessages: anyStepCloses(deployment),
        // A day begins when the forecasts of the day before are out: nobody watches days that run ahead of them.
        afterClock: async (timeMs) => {
          await Promise.race([lockStep.reached(timeMs), stopped]);
          draw();
        },
        signal,
      },
    );
    await Promise.race([published, pipeline.failed]);
  } finally {
    unsubscribe();
    await publisher.end();
    draw();
    region.close(true);
  }
}

function startOf(dataset: Dataset): number {
  return Math.floor(Math.min(...dataset.machines.map(({ firstMs }) => firstMs)) / dayMs) * dayMs;
}
