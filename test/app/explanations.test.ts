// Explanations of the forecasts of a pipeline that has run: of the window and the network that made them, over HTTP too.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '../../app/config.js';
import { explanationWords } from '../../app/explanation-words.js';
import { Explanations } from '../../app/explanations.js';
import { anyStepCloses, topicOfMachine } from '../../app/history.js';
import { silentLogger } from '../../app/logger.js';
import { currentVersionFolder } from '../../app/model-folder.js';
import { gateSentences, gatesSvg, saturatedGates } from '../../app/pictures/gates-svg.js';
import { type Pipeline, startPipeline } from '../../app/pipeline.js';
import { datasetMessages } from '../../app/replay-messages.js';
import { replayTo } from '../../app/replay-schedule.js';
import { roles } from '../../app/roles.js';
import { UserError } from '../../domain/errors.js';
import type { ErrorWire, ExplanationWire } from '../../infra/http/wire.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { errorMax } from '../../model/explanation/explainer.js';
import { hourMs, makePlant, type Plant, pumpHistory, removePlant, trainPumps } from '../scenarios/plant.js';

let plant: Plant;
let deployment: Deployment;
let pipeline: Pipeline;
let explanations: Explanations;

before(async () => {
  plant = makePlant();
  deployment = await trainPumps(plant);
  pipeline = await startPipeline({ deployment, roles: new Set(roles), logger: silentLogger });
  const publisher = await connectPublisher({ url: pipeline.ingest?.brokerUrl ?? '' });
  await replayTo(publisher.publish, datasetMessages(pumpHistory(), topicOfMachine(deployment)), {
    speed: 'max',
    clockMessages: anyStepCloses(deployment),
  });
  await publisher.end();
  const { store } = pipeline;
  for (const { machine } of pumpHistory().machines) {
    while ((await store.forecasts(machine, { fromMs: 24 * hourMs })).length === 0) await sleep(50);
    // Forecasts come first; the steps behind them follow within a second.
    while ((await store.steps(machine, { fromMs: 23 * hourMs })).length === 0) await sleep(50);
  }
  explanations = new Explanations(deployment, pipeline.store);
});
after(async () => {
  await explanations.close();
  await pipeline.close();
  removePlant(plant);
});

const sum = ({ features }: ExplanationWire) =>
  features.flatMap(({ attributions }) => attributions).reduce((before, value) => before + value, 0);

test('what is explained is the forecast: its window, its network, its probability, at any time', async () => {
  let explained = 0;
  for (const machine of ['pump-0', 'pump-3', 'pump-7'])
    for (const atMs of [10 * hourMs, 15 * hourMs + 1, 22 * hourMs]) {
      const [forecast] = await pipeline.store.forecasts(machine, { toMs: atMs + 1, limit: 1 });
      assert.ok(forecast);
      const explanation = await explanations.explain(machine, { atMs, day: 2 });
      assert.equal(explanation.originMs, forecast.originMs);
      assert.equal(explanation.model, forecast.model);
      assert.equal(explanation.forecastProbability, forecast.probabilities[1]);
      assert.ok(
        Math.abs(explanation.probability - explanation.forecastProbability) < 1e-5,
        'the same window',
      );
      assert.ok(Math.abs(explanation.error) <= errorMax);
      const { probability, baseline, error } = explanation;
      assert.ok(Math.abs(sum(explanation) - (probability - baseline + error)) < 1e-9, 'complete');
      assert.deepEqual(
        explanation.stepEndsMs,
        explanation.stepEndsMs.map(
          (_, step) => forecast.originMs - (explanation.stepEndsMs.length - 1 - step) * hourMs,
        ),
      );
      explained += 1;
    }
  assert.equal(explained, 9);
});

test('features belong to their sensor; missing values are null', async () => {
  const { features } = await explanations.explain('pump-0', { atMs: 12 * hourMs });
  const groups = new Map(features.map(({ name, group }) => [name, group]));
  assert.equal(groups.get('temp.max'), 'temp');
  assert.equal(groups.get('event.overload'), 'events');
  assert.equal(groups.get('since.oil'), 'maintenance');
  assert.ok(features.find(({ name }) => name === 'count.mean')?.values.every((value) => value === null));
});

test('the gates over the window as a picture: a cell for each unit, step and gate', async () => {
  const report = await explanations.gates('pump-0', { atMs: 12 * hourMs });
  const [gates = []] = report.networks;
  assert.deepEqual(
    gates.map(({ name }) => name),
    ['input', 'forget', 'output', 'candidate', 'state'],
  );
  const svg = gatesSvg(report);
  const cells = gates.reduce((sum, { values }) => sum + values.length, 0);
  assert.equal(cells, 5 * 4 * 4, 'five gates of four units over the window of four steps');
  assert.equal(svg.match(/fill="rgb\(/g)?.length, cells);
  assert.doesNotMatch(svg, /NaN|undefined/);
  const flagged = saturatedGates(report);
  assert.equal(gateSentences(report).length, 1 + flagged.length);
});

test('over HTTP the same; what cannot be explained is said', async () => {
  const get = (path: string) => fetch(`${pipeline.pageUrl}/api/v1/machines/${path}`);
  const answer = (await (await get(`pump-1/explanation?at=${20 * hourMs}&day=3`)).json()) as ExplanationWire;
  assert.deepEqual(
    answer,
    JSON.parse(JSON.stringify(await explanations.explain('pump-1', { atMs: 20 * hourMs, day: 3 }))),
  );
  const refused = async (path: string): Promise<string> => {
    const response = await get(path);
    assert.equal(response.status, 400);
    return ((await response.json()) as ErrorWire).error.message;
  };
  assert.match(await refused('pump-99/explanation'), /no forecast of "pump-99"/);
  assert.match(await refused(`pump-1/explanation?at=${2 * hourMs}`), /cannot be assessed.*history too short/);
  assert.match(await refused(`pump-1/explanation?at=${20 * hourMs}&day=6`), /days 1 to 5/);
  assert.match(await refused('pump-1/explanation?day=x'), /day/);
});

test('a network that is gone: the one in use is asked, and named', async () => {
  const before = basename((await currentVersionFolder(deployment.config.model.dir, 'pump')) ?? '');
  await trainPumps(plant, 5);
  const current = basename((await currentVersionFolder(deployment.config.model.dir, 'pump')) ?? '');
  rmSync(`${deployment.config.model.dir}/pump/${before}`, { recursive: true });
  const explanation = await explanations.explain('pump-2', { atMs: 12 * hourMs });
  assert.equal(explanation.forecastModel, before);
  assert.equal(explanation.model, current);
});

test('in sentences: what raised and what lowered it, and when', () => {
  const attributions = Array.from({ length: 20 }, (_, step) => (step >= 17 ? 0.1 : 0.001));
  const feature = (group: string, values: readonly number[]) => ({
    name: `${group}.mean`,
    unit: '',
    group,
    values: values.map(() => 1),
    attributions: values,
  });
  const words = explanationWords({
    machine: 'm',
    type: 't',
    originMs: 0,
    model: 'a',
    forecastModel: 'a',
    day: 7,
    probability: 0.5,
    baseline: 0.2,
    error: 0,
    forecastProbability: 0.5,
    stepEndsMs: attributions.map((_, step) => step),
    features: [
      feature(
        'quiet',
        attributions.map(() => 0.0001),
      ),
      feature(
        'pressure',
        attributions.map((value) => -value / 10),
      ),
      feature('vibration', attributions),
      feature(
        'vibration',
        attributions.map(() => 0),
      ),
    ],
  });
  assert.deepEqual(words, [
    'P(fail within 7 steps) is 0.50; of an average machine with as long a history it would be 0.20',
    'vibration raised it by 0.32, most of it by the newest 3 steps',
    'pressure lowered it by 0.03, most of it by the newest 3 steps',
  ]);
});

test('refusals are for people', async () => {
  await assert.rejects(explanations.explain('pump-99'), UserError);
});
