// Two machines, ten days, two networks, every score by hand: what `millwright track` makes of a log.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { calendarDay, calendarPeriods } from '../../app/calendar-periods.js';
import type { Deployment } from '../../app/config.js';
import { alertStage, stepStage } from '../../app/stages.js';
import { type TrackedSpan, type TrackRequest, trackForecasts } from '../../app/track.js';
import { formatTrack, trackNotes } from '../../app/track-text.js';
import { alertBoundsSchema } from '../../backtest/alert-score.js';
import { replay } from '../../backtest/replay.js';
import { UserError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord, InputRecord } from '../../domain/input.js';
import type { Log } from '../../domain/log.js';
import { encodeRecord, topics } from '../../domain/topics.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { pressDeployment } from './press-deployment.js';

const dayMs = 86_400_000;
const place = { type: 'press', site: '', line: '' };
const allTime = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };

const press = (t: TestContext) => pressDeployment(t, 'sensors: [{ name: heat }]\nhorizonSteps: 3\n');

const failed: EventRecord = {
  kind: 'event',
  event: 'failure',
  machine: 'm-a',
  ...place,
  eventTimeMs: 5.5 * dayMs,
  ingestTimeMs: 5.5 * dayMs,
  code: '',
  by: '',
  comment: '',
};

function reading(machine: string, day: number): InputRecord {
  const timeMs = (day + 0.2) * dayMs;
  return {
    kind: 'readings',
    machine,
    ...place,
    ingestTimeMs: timeMs,
    sensors: ['heat'],
    timesMs: [timeMs],
    values: [day],
  };
}

/** m-a reads until it fails on day 5.5, m-b all ten days; each day is closed by its tick. */
function* inputs(): Generator<InputRecord> {
  for (let day = 0; day < 10; day++) {
    if (day <= 5) yield reading('m-a', day);
    yield reading('m-b', day);
    if (day === 5) yield failed;
    yield { kind: 'tick', timeMs: (day + 1) * dayMs };
  }
}

function forecast(machine: string, day: number, over: Partial<ForecastRecord> = {}): ForecastRecord {
  const late = day > 3;
  return {
    kind: 'forecast',
    machine,
    ...place,
    originMs: day * dayMs,
    stepIndex: day - 1,
    revision: 0,
    status: 'ok',
    reason: '',
    model: late ? 'v2' : 'v1',
    probabilities: late ? [0.5, 0.6, 0.7] : [0.1, 0.2, 0.3],
    expectedDay: null,
    coverage: 1,
    silentSensors: [],
    stepOffset: 0,
    ...over,
  };
}

/** What the plant's stages have left: steps, forecasts of v1 up to day 3 and of v2 from then on, and alerts. */
async function recordPlant(deployment: Deployment): Promise<Log> {
  const log = new MemoryLog();
  await replay({
    log,
    partitionCount: 1,
    stages: [stepStage(deployment)],
    feed: (async function* () {
      yield [...inputs()].map((record) => encodeRecord(topics.inputs, 0, record));
    })(),
  });
  const issued: Parameters<typeof encodeRecord<'forecasts'>>[2][] = [];
  for (let day = 1; day <= 10; day++) {
    // Replaced by a revision, and before it was closed: neither counts.
    issued.push(forecast('m-b', day, { status: 'provisional', probabilities: [0.9, 0.9, 0.9], revision: 0 }));
    issued.push(forecast('m-b', day, { probabilities: [0.2, 0.9, 0.9], revision: 1 }));
    issued.push(forecast('m-b', day, { revision: 2 }));
    if (day <= 5) issued.push(forecast('m-a', day));
    if (day === 5) issued.push(failed);
    issued.push({ kind: 'tick', timeMs: day * dayMs });
  }
  await log.append(issued.map((record) => encodeRecord(topics.forecasts, 0, record)));
  await replay({ log, partitionCount: 1, stages: [alertStage(deployment)], feed: nothing() });
  return log;
}

async function* nothing(): AsyncGenerator<never> {}

async function track(t: TestContext, over: Partial<TrackRequest> = {}) {
  const deployment = press(t);
  const log = over.log ?? (await recordPlant(deployment));
  const type = deployment.types.get('press');
  assert(type);
  return trackForecasts({
    deployment,
    type,
    log,
    period: allTime,
    by: 'week',
    bounds: alertBoundsSchema.parse({}),
    ...over,
  });
}

const rounded = (values: readonly (number | null | undefined)[]) =>
  values.map((value) => (typeof value === 'number' ? Number(value.toFixed(6)) : value));
const briersOf = ({ report }: TrackedSpan) => rounded(report.forecasters[0]?.brierByDay ?? []);

test('forecasts before the repair of a confirmed alert are judged up to it', async (t) => {
  const log = await recordPlant(press(t));
  const rowsAtDay3 = async () =>
    (await track(t, { log })).whole.report.forecasters[0]?.days.at(-1)?.rowCount ?? 0;
  const before = await rowsAtDay3();
  const answered: EventRecord[] = [
    { ...failed, machine: 'm-b', event: 'maintenance', eventTimeMs: 6.5 * dayMs },
    { ...failed, machine: 'm-b', event: 'feedback', code: 'true', alert: `soon/m-b/${4 * dayMs}` },
  ];
  await log.append(answered.map((event) => encodeRecord(topics.steps, 0, event)));
  assert.equal(before - (await rowsAtDay3()), 3, 'origins 4, 5 and 6');
});

test('every network by itself, and days that have not passed are censored: the scores by hand', async (t) => {
  const { versions, whole, knownUntilMs } = await track(t);
  const [v1, v2] = versions;
  assert(v1 && v2 && versions.length === 2);
  assert.deepEqual([v1.name, v1.firstOriginMs, v1.lastOriginMs], ['v1', dayMs, 3 * dayMs]);
  assert.deepEqual([v2.name, v2.firstOriginMs, v2.lastOriginMs], ['v2', 4 * dayMs, 10 * dayMs]);
  // v1 said .1 .2 .3 six times; of these only m-a's of day 3 was followed by a failure within 3 days, on the third.
  assert.deepEqual(briersOf(v1), rounded([0.01, 0.04, (0.7 ** 2 + 5 * 0.3 ** 2) / 6]));
  // v2 said .5 .6 .7. m-a failed on the second day after day 4, on the first after day 5. Of m-b's days 4 to 9 the last
  // two have no third day yet, and the last no second; after day 10 nothing is known.
  assert.deepEqual(
    briersOf(v2),
    rounded([0.25, (2 * 0.4 ** 2 + 5 * 0.6 ** 2) / 7, (2 * 0.3 ** 2 + 4 * 0.7 ** 2) / 6]),
  );
  assert.deepEqual(
    [v1, v2].map(({ report }) => report.rows.judgedCount),
    [6, 8],
  );
  assert.equal(v2.report.rows.unjudgedCount, 1);
  assert.equal(v2.report.forecasters[0]?.concordance, 0.5, 'the same curve for all');
  assert.equal(whole.report.rows.judgedCount, 14);
  assert.equal(whole.name, '2 networks');
  assert.equal(knownUntilMs, 10 * dayMs);
});

test('by week: forecasts where they were issued, failures and alerts where they came', async (t) => {
  const { periods, versions, whole } = await track(t);
  // 1 January 1970 was a Thursday: day 4 is the first Monday, as v2 begins.
  assert.deepEqual(
    periods.map(({ name }) => name),
    ['1969-12-29', '1970-01-05'],
  );
  periods.forEach((period, index) => {
    assert.deepEqual(briersOf(period), briersOf(versions[index] as TrackedSpan), period.name);
  });
  const alerts = periods.map(({ report }) => report.alerts);
  assert.deepEqual(
    alerts.map((score) => [score?.alerts.length, score?.failures.length]),
    [
      [0, 0],
      [2, 1],
    ],
  );
  assert.equal(alerts[1]?.failureCounts.late, 1, 'a day and a half is too late');
  assert.deepEqual(alerts[1]?.alertCounts, whole.report.alerts?.alertCounts);
  // m-a was watched for five and a half days, m-b for ten.
  const months = alerts.map((score) => score?.machineMonths ?? 0);
  assert.deepEqual(rounded(months), rounded([8 / 30, (1.5 + 6) / 30]));
});

test('only some days; baselines from what the plant knew before them', async (t) => {
  const from = calendarDay('1970-01-05', 'UTC');
  assert(from);
  const { whole, fittedOn } = await track(t, { period: { ...from, toMs: 8 * dayMs } });
  assert.deepEqual([whole.firstOriginMs, whole.lastOriginMs], [4 * dayMs, 8 * dayMs]);
  assert.deepEqual(fittedOn, { source: 'own-record', originCount: 8, failedCount: 0 });
  // Until then nothing had failed: the marginal hazard says so, and is wrong where m-a fails.
  const [, marginal] = whole.report.forecasters;
  assert.deepEqual(rounded(marginal?.brierByDay ?? []), rounded([1 / 7, 2 / 7, 2 / 6]));
});

test('what was promised is told, or why not; forecasts of no network are left out, and that is said', async (t) => {
  const deployment = press(t);
  const log = await recordPlant(deployment);
  await log.append([
    encodeRecord(topics.forecasts, 0, forecast('m-b', 2, { model: '', status: 'not-assessable' })),
    encodeRecord(topics.forecasts, 0, forecast('m-b', 3, { curve: 'health-limit', revision: 9 })),
  ]);
  const zeros = { error: [0, 0, 0.2], count: [2, 2, 1] };
  const found = await track(t, {
    log,
    backtest: {
      dataset: 'history',
      horizonDays: 3,
      forecasters: [{ name: 'v2', errors: { 'm-c': zeros, 'm-d': { error: [1, 1, 1], count: [2, 2, 3] } } }],
    },
  });
  const [v1, v2] = found.versions;
  assert.equal(v1?.promised, null);
  assert.match(v1?.fault ?? '', /v1 cannot be used: manifest\.json is missing/);
  assert.deepEqual([v2?.promised?.source, v2?.promised?.machineCount], ['backtest', 2]);
  assert.deepEqual(rounded(v2?.promised?.brierByDay ?? []), [0.25, 0.25, 0.3]);
  assert.equal(found.withoutNetworkCount, 2);
  assert.match(trackNotes(found).join('\n'), /2 forecasts of press left out: no network/);
  assert.match(trackNotes(found).join('\n'), /nothing had failed here before the first of these forecasts/);
  const text = formatTrack(found);
  assert.match(text, /^v2 +1970-01-05 to 1970-01-11 +8 +0\.3032 .* 0\.2667 +a backtest on 2 machines$/m);
  assert.match(text, /^10 % to 20 % +10\.0 % → 0\.0 % \(6\)/m);
});

test('the chart holds each forecast to what its own version promised', async (t) => {
  const machine = { error: [0.1, 0.2, 0.3], count: [1, 1, 1] };
  const { chart } = await track(t, {
    backtest: { dataset: 'h', horizonDays: 3, forecasters: [{ name: 'v2', errors: { x: machine } }] },
  });
  // Of v1 nothing is known. v2: error 8 × .25, .32 + 1.8, .18 + 1.96; promised 8 × .1, 7 × .2, 6 × .3.
  assert.deepEqual(
    chart.map(({ name, ratio }) => [name, ratio === null ? null : Number(ratio.toFixed(6))]),
    [
      ['1969-12-29', null],
      ['1970-01-05', Number(((2 + 2.12 + 2.14) / (0.8 + 1.4 + 1.8)).toFixed(6))],
    ],
  );
});

test('nothing to judge is a sentence', async (t) => {
  const deployment = press(t);
  const log = await recordPlant(deployment);
  await assert.rejects(
    track(t, { log, period: { fromMs: 20 * dayMs, toMs: 30 * dayMs } }),
    (error) => error instanceof UserError && /no forecast of press in this time/.test(error.message),
  );
});

test('months and weeks follow the clock of the zone', () => {
  const at = (text: string) => Date.parse(text);
  const months = calendarPeriods(
    { fromMs: at('2026-02-28T23:30Z'), toMs: at('2026-04-01T00:00Z') },
    'month',
    'Europe/Berlin',
  );
  assert.deepEqual(
    months.map(({ name, fromMs, toMs }) => [
      name,
      new Date(fromMs).toISOString(),
      new Date(toMs).toISOString(),
    ]),
    [
      ['2026-03', '2026-02-28T23:00:00.000Z', '2026-03-31T21:59:59.999Z'],
      ['2026-04', '2026-03-31T22:00:00.000Z', '2026-04-30T21:59:59.999Z'],
    ],
  );
  assert.equal(calendarDay('2026-02-30', 'UTC'), undefined);
  assert.equal(calendarDay('soon', 'UTC'), undefined);
});
