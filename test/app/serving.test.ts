// Forecasts over HTTP from a running pipeline: three ways to write a sequence, batches, the cache, swaps, refusals.
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '../../app/config.js';
import { silentLogger } from '../../app/logger.js';
import { currentVersionFolder, setCurrentVersion } from '../../app/model-folder.js';
import { type Pipeline, startPipeline } from '../../app/pipeline.js';
import { roles } from '../../app/roles.js';
import type { ErrorWire, ForecastsWire, ModelDetailWire, ModelsWire } from '../../infra/http/wire.js';
import { makePlant, type Plant, removePlant, trainPumps } from '../scenarios/plant.js';

let plant: Plant;
let pipeline: Pipeline;
/** The one in use, and another. */
let versions: readonly [string, string];
let deployment: Deployment;

before(async () => {
  plant = makePlant();
  const found: string[] = [];
  for (const seed of [2, 1]) {
    deployment = await trainPumps(plant, seed);
    found.unshift(basename((await currentVersionFolder(deployment.config.model.dir, 'pump')) ?? ''));
  }
  versions = found as [string, string];
  const model = { ...deployment.config.model, answerWithinMs: 400 };
  deployment = { ...deployment, config: { ...deployment.config, model } };
  pipeline = await startPipeline({ deployment, roles: new Set(roles), logger: silentLogger });
});
after(async () => {
  await pipeline.close();
  removePlant(plant);
});

const url = (path: string) => `${pipeline.pageUrl}${path}`;

function post(body: unknown): Promise<Response> {
  return fetch(url('/v1/forecast'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

async function forecast(body: unknown): Promise<ForecastsWire> {
  const response = await post(body);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

const features = [
  'temp.mean',
  'temp.max',
  'vib.mean',
  'vib.max',
  'count.mean',
  'count.max',
  'event.overload',
  'since.oil',
];

/** Hours of a pump that gets warm, in each of the three forms. */
function pump(warmth: number, hours = 8) {
  const each = Array.from({ length: hours }, (_, hour) => ({
    hour,
    temp: [20 + warmth * hour, 22 + warmth * hour],
  }));
  return {
    steps: each.map(({ hour, temp }) => ({
      sensors: { temp, vib: 3, count: null },
      events: hour === 2 ? { overload: 1 } : {},
      since: { oil: hour },
    })),
    values: each.map(({ hour, temp: [low = 0, high = 0] }) => [
      (low + high) / 2,
      high,
      3,
      3,
      null,
      null,
      hour === 2 ? 1 : 0,
      hour,
    ]),
  };
}

const asRows = (values: readonly (readonly (number | null)[])[]) =>
  values.map((row) => Object.fromEntries(row.map((value, column) => [features[column], value])));

test('readings by step, features by name and features in order give the same forecast: the network’s own', async () => {
  const { steps, values } = pump(2);
  const answer = await forecast({
    sequences: [{ id: 'a', steps }, { id: 'b', values }, { rows: asRows(values) }],
  });
  assert.equal(answer.type, 'pump');
  assert.equal(answer.model, versions[0]);
  const [a, b, c] = answer.forecasts;
  assert.deepEqual([a?.id, b?.id, c?.id], ['a', 'b', undefined]);
  const { id: _a, ...first } = a ?? {};
  const { id: _b, ...second } = b ?? {};
  assert.deepEqual(first, second);
  assert.deepEqual(second, c);
  assert.equal(a?.status, 'ok');
  assert.equal(a?.stepCount, 8);
  assert.equal(a?.coverage, 0.6667, 'one of three sensors is silent');

  const predictor = pipeline.models?.get('pump');
  assert(predictor);
  const rows = new Float32Array(8 * features.length);
  rows.set(values.flatMap((row) => row.map((value) => value ?? Number.NaN)));
  const wanted = [...(await predictor.predict([{ rows, stepCount: 8 }]))];
  assert.equal(a?.probabilities.length, 5);
  a?.probabilities.forEach((value, day) => {
    assert.ok(Math.abs(value - (wanted[day] ?? Number.NaN)) <= 1e-7, `day ${day + 1}`);
  });
});

test('only the newest steps of a long sequence count; one that is too short is not assessable, and says so', async () => {
  const long = pump(2, 12).values;
  const { forecasts } = await forecast({
    sequences: [{ values: long }, { values: long.slice(4) }, { values: long.slice(-2) }],
  });
  assert.deepEqual(forecasts[0], forecasts[1]);
  assert.deepEqual(forecasts[2], {
    stepCount: 2,
    coverage: 0.6667,
    status: 'not-assessable',
    reason: 'history too short: 2 of 3 steps',
    probabilities: [],
    expectedDay: null,
  });
});

test('a network that takes longer than it may is not waited for, and counts as busy until it is done', async () => {
  const { cache } = pipeline.models?.model('pump') ?? assert.fail();
  const foresee = cache.foresee.bind(cache);
  let doneCount = 0;
  cache.foresee = async (windows) => {
    await sleep(1500);
    doneCount += 1;
    return foresee(windows);
  };
  const ask = { sequences: [{ values: pump(1.23).values }] };
  try {
    const { model, forecasts } = await forecast(ask);
    assert.equal(doneCount, 0, 'the answer came before the network’s');
    assert.equal(model, versions[0]);
    const [{ status, rung, reason, probabilities } = assert.fail()] = forecasts;
    assert.deepEqual([status, rung], ['fallback', 'smoothing']);
    assert.equal(reason, 'the network did not answer within 400 ms');
    assert.ok(probabilities.every((p, day) => p >= (probabilities[day - 1] ?? 0) && p <= 1));
  } finally {
    cache.foresee = foresee;
  }
  const [{ status } = assert.fail()] = (await forecast(ask)).forecasts;
  assert.equal(status, 'ok');
});

test('callers at the same time share runs of the network, and sequences asked again are answered from memory', async () => {
  const sequences = Array.from({ length: 40 }, (_, index) => ({ values: pump(0.1 * index + 0.05).values }));
  const before = pipeline.models?.model('pump')?.cache.counters();
  const alone: unknown[] = [];
  const together = await Promise.all(sequences.map((sequence) => forecast({ sequences: [sequence] })));
  for (const { forecasts } of together) alone.push(forecasts[0]);
  const again = await forecast({ sequences: [...sequences, ...sequences] });
  assert.deepEqual(again.forecasts, [...alone, ...alone]);
  const counters = pipeline.models?.model('pump')?.cache.counters();
  assert.equal((counters?.hits ?? 0) - (before?.hits ?? 0), 80);
  assert.equal((counters?.misses ?? 0) - (before?.misses ?? 0), 40);
  const metrics = await (await fetch(url('/metrics'))).text();
  assert.match(
    metrics,
    new RegExp(`millwright_forecast_sequences_total{type="pump",answer="cache"} ${counters?.hits}`),
  );
  assert.match(metrics, new RegExp(`millwright_model_info{type="pump",version="${versions[0]}"} 1`));
});

const good = { values: pump(1).values };
const refusals: readonly (readonly [name: string, body: unknown, status: number, words: RegExp])[] = [
  ['no JSON', '{"sequences": [', 400, /JSON/],
  ['nothing', '', 400, /JSON|body|sequences/i],
  ['no sequences', { sequences: [] }, 400, /sequences: is empty/],
  ['too many sequences', { sequences: Array(257).fill({ values: [[1]] }) }, 400, /at most 256 in a request/],
  ['an unknown field', { sequences: [good], when: 1 }, 400, /when/],
  [
    'another machine type',
    { type: 'press', sequences: [good] },
    400,
    /no machine type "press": choose from pump/,
  ],
  [
    'none of the forms',
    { sequences: [{ id: 'x' }] },
    400,
    /sequences\.0: give one of rows, values and steps, got none/,
  ],
  ['two forms', { sequences: [{ ...good, rows: [{}] }] }, 400, /got rows and values/],
  [
    'text for a number',
    { sequences: [{ rows: [{ 'temp.mean': 'warm' }] }] },
    400,
    /sequences\.0\.rows\.0\.temp\.mean/,
  ],
  [
    'beyond float32',
    { sequences: [{ rows: [{ 'temp.max': 1e39 }] }] },
    400,
    /sequences\.0\.rows\.0\.temp\.max/,
  ],
  [
    'a wrong feature',
    { sequences: [good, { id: 'p7', rows: [{}, { speed: 1 }] }] },
    400,
    /sequence 2 \("p7"\): row 2 has "speed", which is no feature of pump; features: temp\.mean/,
  ],
  [
    'a row of another width',
    { sequences: [{ values: [[1, 2]] }] },
    400,
    /sequence 1: row 1 has 2 values, pump has 8 features/,
  ],
  [
    'a wrong sensor',
    { sequences: [{ steps: [{ sensors: { speed: 1 } }] }] },
    400,
    /step 1 has sensor "speed", which pump does not have; it has temp, vib, count/,
  ],
  [
    'a wrong code',
    { sequences: [{ steps: [{ sensors: {}, events: { fire: 1 } }] }] },
    400,
    /event code "fire"/,
  ],
  [
    'a wrong attribute',
    { sequences: [{ steps: [{ sensors: {} }], attributes: { model: 'm' } }] },
    400,
    /attribute "model".*it has none/,
  ],
  [
    'an age that cannot be',
    { sequences: [{ steps: [{ sensors: {} }, { sensors: {} }], age: 0 }] },
    400,
    /has had 1 steps, not 2/,
  ],
  ['age with rows', { sequences: [{ ...good, age: 1 }] }, 400, /sequences\.0\.age: goes with steps/],
  [
    'a reading that is none',
    { sequences: [{ steps: [{ sensors: { temp: 'x' } }] }] },
    400,
    /write a reading, a list of readings, or null/,
  ],
  ['much wrong at once', { sequences: [{ values: Array(900).fill(['x']) }] }, 400, /; and 895 more$/],
  ['too large', JSON.stringify({ sequences: [{ id: 'x'.repeat(17_000_000) }] }), 413, /larger than is taken/],
];
for (const [name, body, status, words] of refusals)
  test(`refused: ${name}`, async () => {
    const response = await post(body);
    const { error } = (await response.json()) as ErrorWire;
    assert.equal(response.status, status, error.message);
    assert.match(error.message, words);
  });

test('a page of somebody else may not ask', async () => {
  const response = await fetch(url('/v1/forecast'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: 'https://example.org' },
    body: JSON.stringify({ sequences: [good] }),
  });
  assert.equal(response.status, 403);
});

test('the networks in use are listed, with their features in order', async () => {
  const list = (await (await fetch(url('/v1/models'))).json()) as ModelsWire;
  assert.equal(list.models.length, 1);
  assert.equal(list.models[0]?.version, versions[0]);
  const detail = (await (await fetch(url('/v1/models/pump'))).json()) as ModelDetailWire;
  assert.deepEqual(
    detail.features.map(({ name }) => name),
    features,
  );
  assert.deepEqual([detail.windowSteps, detail.contextSteps, detail.horizonSteps], [4, 8, 5]);
  assert.match(detail.card, new RegExp(`# Model ${versions[0]}`));
  assert.equal(typeof detail.metrics?.validationMeanBrier, 'number');
  assert.equal((await fetch(url('/v1/models/press'))).status, 404);
  assert.equal((await fetch(url('/v1/nothing'))).status, 404);
});

test('while networks are swapped, every answer is that of the network that it names', async () => {
  const sequences = [1, 2, 3].map((warmth) => pump(warmth));
  const body = { sequences: sequences.map(({ values }) => ({ values })) };
  const wanted = new Map<string, unknown>();
  for (const version of [versions[1], versions[0]]) {
    await setCurrentVersion(deployment.config.model.dir, 'pump', version);
    await pipeline.models?.check();
    const { model, forecasts } = await forecast(body);
    assert.equal(model, version);
    wanted.set(version, forecasts);
  }
  assert.notDeepEqual(wanted.get(versions[0]), wanted.get(versions[1]));
  let swapping = true;
  const asking = Array.from({ length: 4 }, async () => {
    const seen = new Set<string>();
    while (swapping) {
      const { model, forecasts } = await forecast(body);
      assert.deepEqual(forecasts, wanted.get(model));
      seen.add(model);
    }
    return seen;
  });
  for (let swap = 0; swap < 10; swap++) {
    await setCurrentVersion(deployment.config.model.dir, 'pump', versions[swap % 2 === 0 ? 1 : 0]);
    await pipeline.models?.check();
  }
  swapping = false;
  const seen = await Promise.all(asking);
  assert.ok(
    seen.some((models) => models.size === 2),
    'both answered',
  );
});
