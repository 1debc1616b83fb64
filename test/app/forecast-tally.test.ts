import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ForecastTally } from '../../app/forecast-tally.js';
import { formatMetrics } from '../../app/metrics.js';
import { forecastOf } from '../alerts/story.js';

test('forecasts are counted by machine type and by what they rest on', async () => {
  const tally = new ForecastTally();
  for (const over of [
    {},
    { status: 'provisional' },
    { status: 'fallback', rung: 'smoothing' },
    { status: 'provisional', rung: 'age' },
    { type: 'press', status: 'fallback', rung: 'age' },
  ] as const)
    tally.add(forecastOf(1, 0.5, over));
  tally.add(forecastOf(1, null));
  const text = await formatMetrics({
    trouble: { rebalances: new Map() },
    ingest: undefined,
    models: undefined,
    tally,
    waiting: () => undefined,
  });
  const lines = text.split('\n').filter((line) => line.startsWith('millwright_forecasts_total{'));
  assert.deepEqual(
    lines.map((line) => line.slice('millwright_forecasts_total'.length)),
    [
      '{type="turbine",rung="network"} 2',
      '{type="turbine",rung="smoothing"} 1',
      '{type="turbine",rung="age"} 1',
      '{type="turbine",rung="not-assessable"} 1',
      '{type="press",rung="network"} 0',
      '{type="press",rung="smoothing"} 0',
      '{type="press",rung="age"} 1',
      '{type="press",rung="not-assessable"} 0',
    ],
  );
});
