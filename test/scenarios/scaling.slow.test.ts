// One, two and four processes share the partitions of a real Kafka; in the middle one more comes, one is killed and one
// leaves. What they make of the input is what one undisturbed run makes of it, byte for byte.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadDeployment } from '../../app/config.js';
import { groups } from '../../app/groups.js';
import { silentLogger } from '../../app/logger.js';
import { openLog } from '../../app/open-log.js';
import { openPredictors } from '../../app/predictors.js';
import type { Log, NewRecord } from '../../domain/log.js';
import { Rng } from '../../domain/rng.js';
import { encodeRecord, partitionOf, topicSpecs, topics } from '../../domain/topics.js';
import { compareTopic } from '../faults/account.js';
import { startKafka } from '../services/kafka.js';
import { skipWithout } from '../services/service.js';
import { type MillwrightProcess, startMillwright } from './millwright-process.js';
import { hourMs, makePlant, type Plant, removePlant, trainPumps } from './plant.js';
import { replayInputs } from './recorded.js';

const partitionCount = 8;
const machineCount = 100;
const hours = 60;
const kafka = await startKafka();

describe('processes that share the partitions', {
  skip: skipWithout(kafka, 'Kafka'),
  timeout: 900_000,
}, () => {
  let plant: Plant;
  before(async () => {
    plant = makePlant();
    await trainPumps(plant);
  });
  after(async () => {
    removePlant(plant);
    await kafka?.stop();
  });

  /** A process needs a `dataDir` of its own. */
  function deploymentFile(name: string, prefix: string): string {
    const file = join(plant.dir, `${name}.yaml`);
    const log = `log: { kind: kafka, brokers: ["${kafka?.brokers[0]}"], prefix: "${prefix}", partitions: ${partitionCount}, sessionTimeoutMs: 8s }`;
    const text = readFileSync(plant.file, 'utf8').replace('dataDir: data', `dataDir: ${name}`);
    writeFileSync(file, text.replace(/log: .*/, log));
    return file;
  }

  for (const processes of [1, 2, 4])
    it(`${processes} of them`, async (t) => {
      const prefix = `scaling-${process.pid}-${processes}-`;
      const deployment = loadDeployment(deploymentFile(`observer-${processes}`, prefix));
      const log = await openLog(deployment.config, 'read-only');
      t.after(() => log.close());
      await log.ensureTopics(topicSpecs(partitionCount, Infinity));
      let started = 0;
      const start = (): MillwrightProcess => {
        const file = deploymentFile(`worker-${processes}-${started++}`, prefix);
        return startMillwright(t, [
          'run',
          '-c',
          file,
          '--roles',
          'stream,model,alerts',
          '--status-port',
          '0',
        ]);
      };
      const inputs = inputsByHour();
      const append = async (fromHour: number, toHour: number): Promise<void> => {
        for (let hour = fromHour; hour < toHour; hour++) await log.append(inputs[hour] ?? []);
      };

      await append(0, 20);
      const running = Array.from({ length: processes }, start);
      const busy = append(20, 50);
      await untilForecast(log, 5);
      const guest = start();
      await untilForecast(log, 15);
      running[0]?.kill('SIGKILL');
      running[0] = start();
      await untilForecast(log, 25);
      await stop(guest);
      await busy;
      await append(50, hours);
      await Promise.all(running.map(stop));
      // What one of those that stopped left to another that had stopped already.
      const last = start();
      await last.said('health and metrics are at');
      await untilForecast(log, hours - 1);
      await stop(last);

      const predictors = await openPredictors(deployment, silentLogger);
      t.after(() => predictors.close());
      const undisturbed = await replayInputs(deployment, predictors.byType, log);
      for (const topic of [topics.steps, topics.forecasts, topics.alerts]) {
        const { wanted, missing, extra, disordered, examples } = await compareTopic(log, undisturbed, topic);
        assert.deepEqual(
          { missing, extra, disordered },
          { missing: 0, extra: 0, disordered: 0 },
          examples.join('\n'),
        );
        assert(wanted >= machineCount, `${wanted} records in ${topic}`);
      }
    });
});

/** A reading of each machine an hour, and the time in every partition. */
function inputsByHour(): NewRecord[][] {
  const rng = new Rng(1);
  return Array.from({ length: hours }, (_, hour) => {
    const timeMs = (500_000 + hour) * hourMs;
    const readings = Array.from({ length: machineCount }, (_, index) => {
      const machine = `pump-${index}`;
      return encodeRecord(topics.inputs, partitionOf(machine, partitionCount), {
        kind: 'readings',
        machine,
        type: 'pump',
        site: 'north',
        line: 'a',
        ingestTimeMs: timeMs,
        sensors: ['temp', 'vib'],
        timesMs: [timeMs, timeMs],
        values: [20 + rng.int(80), rng.int(40)],
      });
    });
    const ticks = Array.from({ length: partitionCount }, (_, partition) =>
      encodeRecord(topics.inputs, partition, { kind: 'tick', timeMs: timeMs + hourMs }),
    );
    return [...readings, ...ticks];
  });
}

/** Resolves when the model stage has passed, in every partition, the steps of the given hour. */
async function untilForecast(log: Log, hour: number): Promise<void> {
  const passed = new Set<number>();
  while (passed.size < partitionCount) {
    for (let partition = 0; partition < partitionCount; partition++) {
      if (passed.has(partition)) continue;
      const committed = await log.committed(groups.model, { topic: topics.steps, partition });
      if (committed === undefined) continue;
      for await (const { timeMs } of log.read({ topic: topics.steps, partition }, 0, committed))
        if (timeMs >= (500_000 + hour) * hourMs) passed.add(partition);
    }
    await sleep(200);
  }
}

async function stop(running: MillwrightProcess): Promise<void> {
  running.kill('SIGTERM');
  const { exitCode, signal, stderr } = await running.ended;
  assert(exitCode === 0 || signal === 'SIGTERM', stderr); // by the signal, if it was still starting
}
