/** What a day decoder knows of the days to come and of the last visit, from the window to the forecast. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { FeatureSpec, FeatureWindow } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { checkFits } from '../../model/fit.js';
import { dim } from '../../model/graph/dims.js';
import { encodeGraph } from '../../model/graph/encode.js';
import { Graph } from '../../model/graph/graph.js';
import { windowFeeds } from '../../model/known-future.js';
import { outputOf, type TensorValue } from '../../model/ports.js';
import { NetworkPredictor } from '../../model/predict.js';
import { fitPreprocessing } from '../../model/preprocessing.js';
import { newestVisitAge } from '../../model/preprocessing-graph.js';
import { randomForecast, smallHistories, smallSpec, windowAt } from './fixtures.js';

const spec: FeatureSpec = { ...smallSpec, horizonSteps: 5, plannedVisits: { everySteps: 3 } };
const width = spec.names.length;
const histories = smallHistories(20);
const [history] = histories;
assert.ok(history);

/** The window with another age of the last maintenance in its newest row. */
function maintained(
  age: number,
  { rows, stepCount }: FeatureWindow = windowAt(history as never, 11),
): FeatureWindow {
  const changed = rows.slice();
  changed[changed.length - width + spec.names.indexOf('since.oil')] = age;
  return { rows: changed, stepCount };
}

/** What is known of each day of each row, a digit a day. */
const plans = (future: TensorValue | undefined): readonly string[] => {
  assert.ok(future);
  const digits = [...(future.data as Float32Array)].join('');
  return digits.match(/.{5}/g) ?? [];
};

const joined = (windows: readonly FeatureWindow[]) =>
  Float32Array.from(windows.flatMap(({ rows }) => [...rows]));

describe('what is known of the days to come', () => {
  it('is the cadence of visits carried on from the last one; nothing where there never was one', () => {
    const ages = [0, 1, 2, 7, Number.NaN];
    const { future, windows } = windowFeeds(spec, joined(ages.map((age) => maintained(age))));
    assert.deepEqual(windows?.dims, [5, spec.contextSteps, width]);
    assert.deepEqual(future?.dims, [5, 5, 1]);
    assert.deepEqual(plans(future), ['00100', '01001', '10010', '01001', '00000']);
  });

  it('comes from the newest of several kinds of maintenance', () => {
    const two = { ...spec, names: ['since.oil', 'since.belt'], contextSteps: 1 };
    const { future } = windowFeeds(two, Float32Array.of(7, 2));
    assert.deepEqual(plans(future), ['10010']);
  });

  it('is no input of a model that does not look at it', () => {
    assert.deepEqual(Object.keys(windowFeeds(smallSpec, joined([maintained(1)]))), ['windows']);
  });

  it('must be planned as the model has learned it', () => {
    assert.equal(checkFits(spec, spec), undefined);
    assert.equal(checkFits(smallSpec, spec), undefined, 'a model that does not look at the plan');
    assert.match(
      checkFits(spec, smallSpec) ?? '',
      /cadence of planned visits is every 3 steps in the model, not told/,
    );
  });
});

describe('the day decoder', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());
  const options = { smoothingAlphas: [0.3], clipSds: 6, visitAgeSteps: 4 };
  const preprocessing = fitPreprocessing(spec, histories, options, new Rng(3));

  it('sees the steps since the last visit one by one', async () => {
    const graph = new Graph();
    const windows = graph.input('windows', [
      dim('batch', null),
      dim('context', spec.contextSteps),
      dim('feature', width),
    ]);
    const age = newestVisitAge(windows, preprocessing);
    assert.ok(age);
    graph.output('age', age);
    const loaded = await engine.load(encodeGraph(graph));
    const ages = [0, 3, 4, Number.NaN];
    const feeds = windowFeeds(smallSpec, joined(ages.map((each) => maintained(each))));
    const said = outputOf(await loaded.run(feeds), 'age');
    await loaded.close();
    assert.deepEqual([...said.data], [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('forecasts another curve for another plan, and one row of a batch as alone', async () => {
    const shape = { task: 'day-decoder', decoderUnits: 6, visitAgeSize: 4, futureSize: 1 } as const;
    const open = async (everySteps: number) => {
      const planned = { ...preprocessing, spec: { ...preprocessing.spec, plannedVisits: { everySteps } } };
      return new NetworkPredictor(
        'test',
        planned.spec,
        await engine.load(randomForecast(planned, 5, 1, shape)),
      );
    };
    const windows = [2, 5, 8, 11].flatMap((step) =>
      histories.slice(0, 6).map((each) => windowAt(each, step)),
    );
    const [third, fourth] = [await open(3), await open(4)];
    const together = await third.predict(windows);
    assert.notDeepEqual(await fourth.predict(windows), together);
    for (const [row, window] of windows.entries())
      assert.deepEqual([...(await third.predict([window]))], [...together.subarray(row * 5, row * 5 + 5)]);
    await third.close();
    await fourth.close();
  });
});
