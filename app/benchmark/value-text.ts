/** The results of the benchmarks of values and of the health index as tables for people. */
import { formatCount, formatSpan } from '../terminal/format.js';
import { type Column, formatTable } from '../terminal/table.js';
import type { HealthBenchmark, HealthTable } from './health.js';
import type { ValueBenchmark, ValueScores } from './values.js';

const numeric = (title: string): Column => ({ title, align: 'right' });
const number = (value: number | null | undefined, digits: number) =>
  value === null || value === undefined ? '–' : value.toFixed(digits);
const shownDays = [1, 3, 7, 14, 21, 30] as const;

export function formatValues(result: ValueBenchmark): string {
  const { model, baselines } = result;
  const all: readonly (readonly [string, ValueScores])[] = [
    [`network, mean of ${result.seeds.length}`, model],
    ...Object.entries(baselines),
  ];
  const days = shownDays.filter((day) => day <= model.all.length);
  const columns = [{ title: 'MASE' }, ...days.map((day) => numeric(`day ${day}`)), numeric('mean')];
  const perSensor = Object.keys(model.sensors).flatMap((sensor) =>
    all.map(([name, scores]) => {
      const errors = scores.sensors[sensor] ?? [];
      const at = (day: number) => errors[day - 1];
      const last = errors.length;
      return [
        sensor,
        name,
        ...[1, last].flatMap((day) => [
          number(at(day)?.mae, 3),
          number(at(day)?.rmse, 3),
          number(at(day)?.mase, 3),
        ]),
        number(at(last)?.coverage, 3),
      ];
    }),
  );
  return [
    `${result.dataset}: ${result.protocol}.`,
    `${formatCount(result.forecasts)} forecasts, ${formatCount(result.values)} values; season of ${result.seasonSteps} days.`,
    '',
    formatTable(
      columns,
      all.map(([name, scores]) => [
        name,
        ...days.map((day) => number(scores.all[day - 1]?.mase, 3)),
        number(scores.meanMase, 3),
      ]),
    ),
    '',
    formatTable(
      [
        { title: 'sensor' },
        { title: '' },
        ...['day 1', `day ${model.all.length}`].flatMap((day) => [
          numeric(`MAE ${day}`),
          numeric('RMSE'),
          numeric('MASE'),
        ]),
        numeric('in 80 % interval'),
      ],
      perSensor,
    ),
    '',
    'MASE: mean absolute error over that of the seasonal naive forecast, one season ahead, on the training part of the same series.',
    `Took ${formatSpan(result.seconds * 1000)}.`,
  ].join('\n');
}

export function formatHealth(result: HealthBenchmark): string {
  const { seeds, fleetMean } = result;
  const tables: readonly (readonly [string, HealthTable])[] = [
    ...seeds.map((table, index): [string, HealthTable] => [`network, seed ${index + 1}`, table]),
    ['fleet mean', fleetMean],
  ];
  const rows = (which: keyof HealthTable) =>
    tables.map(([name, table]) => {
      const scores = table[which];
      const { leadDays, aheadOfDays, foreseen } = scores;
      return [
        name,
        `${scores.passed} of ${scores.engines}`,
        [leadDays.min, leadDays.p10, leadDays.median, leadDays.p90]
          .map((value) => number(value, 0))
          .join(' / '),
        `${aheadOfDays[10]} / ${aheadOfDays[20]} / ${aheadOfDays[30]}`,
        `${scores.fellBack} (${number(scores.fellBackPer1000Days, 2)})`,
        `${scores.passedWhileHealthy} in ${formatCount(scores.healthyDays)}`,
        ...([7, 14, 30] as const).map(
          (k) => `${number(foreseen[k].brier, 3)} (${number(foreseen[k].marginal, 3)})`,
        ),
      ];
    });
  const table = (which: keyof HealthTable) =>
    formatTable(
      [
        { title: '' },
        numeric('passed'),
        numeric('days ahead: least / 10 % / median / 90 %'),
        numeric('≥ 10 / 20 / 30 ahead'),
        numeric('fell back (per 1000 days)'),
        numeric('passed > 125 ahead'),
        numeric('foresaw 7'),
        numeric('14'),
        numeric('30'),
      ],
      rows(which),
    );
  return [
    `${result.dataset}: ${result.protocol}.`,
    '',
    'Engines run to failure',
    table('toFailure'),
    '',
    'Engines never seen before, to the end of their records',
    table('unseenEngines'),
    '',
    'Passed: the index is beyond its limit at the end, and since how many days before the failure. Foresaw: Brier score of "passes within',
    'k days", in brackets that of always saying how often it does.',
    `Took ${formatSpan(result.seconds * 1000)}.`,
  ].join('\n');
}
