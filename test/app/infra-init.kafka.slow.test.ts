/** `infra init` and `doctor` on a real Kafka. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, it } from 'node:test';
import type { Finding } from '../../app/finding.js';
import { runMillwright } from '../scenarios/millwright-process.js';
import { makePlant, removePlant } from '../scenarios/plant.js';
import { startKafka } from '../services/kafka.js';
import { skipWithout } from '../services/service.js';

const kafka = await startKafka();
after(() => kafka?.stop());

it('infra init makes the topics on Kafka; doctor tells that one broker keeps them', {
  skip: skipWithout(kafka, 'Kafka'),
  timeout: 600_000,
}, async (t) => {
  const plant = makePlant();
  t.after(() => removePlant(plant));
  const prefix = `init-${process.pid}-${Math.floor(performance.now())}.`;
  const text = readFileSync(plant.file, 'utf8').replace(
    /^log: .*$/m,
    `log: { kind: kafka, brokers: ${JSON.stringify(kafka?.brokers)}, prefix: "${prefix}", partitions: 3 }`,
  );
  writeFileSync(plant.file, text);
  const millwright = async (...args: string[]) =>
    JSON.parse((await runMillwright(t, [...args, '-c', plant.file, '--json'])).stdout);
  const doctor = async () =>
    ((await millwright('doctor')) as { findings: Finding[] }).findings
      .filter(({ what }) => what === 'log')
      .map(({ state, sentence }) => `${state}: ${sentence}`)
      .join('\n');
  const init = async () => ((await millwright('infra', 'init')) as { done: string[] }).done;
  assert.match(await doctor(), /^good: Kafka at .* answers, 1 broker\nwarning: there are no topics yet/);
  assert.deepEqual(await init(), [
    ...['inputs', 'rejected', 'steps', 'forecasts', 'shadows', 'alerts'].map(
      (topic) => `made topic ${prefix}${topic} with 3 partitions`,
    ),
    ...['dispatch', 'notifications'].map((topic) => `made topic ${prefix}${topic} with 1 partition`),
  ]);
  assert.deepEqual(await init(), []);
  assert.match(await doctor(), /^good: .*\nwarning: there is one broker: [^\n]*$/);

  writeFileSync(plant.file, text.replace('partitions: 3', 'partitions: 4'));
  assert.match(
    await doctor(),
    /bad: log\.partitions is 4, and \S+alerts has 3, .*: set log\.partitions to what there is/,
  );
  writeFileSync(plant.file, text.replace(/brokers: \[.*?\]/, 'brokers: ["127.0.0.1:1"]'));
  assert.match(await doctor(), /^bad: Kafka at 127\.0\.0\.1:1: .*: start Kafka, or correct log\.brokers$/);
});
