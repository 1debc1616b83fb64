/** A drift report as text for a terminal: first what to do, then the figures. */
import type { FeatureDrift } from '../backtest/drift/fleet-drift.js';
import type { SensorChange } from '../backtest/drift/sensor-changes.js';
import type { DriftReport, DriftSpan } from './drift.js';
import { formatCount, formatCounted, formatTime } from './terminal/format.js';
import { formatTable } from './terminal/table.js';

/** Everything that is no chance, a sentence each; empty in a quiet time. */
export function driftAlarms(report: DriftReport): string[] {
  const { whole, periods, sensors, newCategories } = report;
  return [
    ...sensors.map(tellSensor),
    ...tellFeatures(whole, periods, ({ features }) => features),
    ...tellFeatures(whole, periods, ({ forecasts }) => forecasts),
    ...tellFailures(whole, periods),
    ...newCategories.map((name) => `${name} was in no row of training: the network knows nothing of it.`),
  ];
}

/** What to do about what has changed; a line for each kind of change. */
export function driftAdvice({ whole, periods, sensors, newCategories }: DriftReport): string[] {
  const spans = [whole, ...periods];
  const anyDrifted = (of: (span: DriftSpan) => readonly FeatureDrift[]) =>
    spans.some((span) => of(span).some(({ verdict }) => verdict === 'drifted'));
  const kinds = new Set(sensors.map(({ kind }) => kind));
  return [
    kinds.has('rescaled') || kinds.has('shifted') || kinds.has('noise')
      ? 'A sensor that jumps alone was replaced, moved or recalibrated. Correct its readings where they are made, or train again once there are some weeks of the new ones.'
      : '',
    kinds.has('machine')
      ? 'Sensors that jump together: the machine was retuned or rebuilt, or its gateway replaced. Train again once there are some weeks of it.'
      : '',
    kinds.has('silent') ? 'A sensor that is silent: look at its wiring and its name in the messages.' : '',
    anyDrifted(({ features }) => features)
      ? 'A feature that drifts at all machines: another product, a season, other settings, sensors replaced everywhere. Train again on data that has it.'
      : '',
    anyDrifted(({ forecasts }) => forecasts)
      ? 'Forecasts that drift: `millwright track` says whether they still hold.'
      : '',
    spans.some(({ failures }) => failures.verdict === 'drifted')
      ? 'Failures that come at another rate: probabilities learned from the old rate are off. Train again with the new failures.'
      : '',
    newCategories.length > 0 ? 'What is new: train again with machines that have it.' : '',
  ].filter((line) => line !== '');
}

export function formatDrift(report: DriftReport): string {
  const alarms = driftAlarms(report);
  const { whole, reference } = report;
  return [
    `${report.type}: ${formatCounted(whole.machineCount, 'machine')} from ${day(whole.firstMs)} to ${day(whole.lastMs)}, against training on ${formatCounted(reference.machineCount, 'machine')} up to ${day(reference.lastMs)}.`,
    '',
    ...(alarms.length === 0
      ? ['Nothing has changed beyond chance.']
      : [...alarms, '', ...driftAdvice(report)]),
    ...report.silences.map(
      ({ fromMs, untilMs }) =>
        `The whole plant was silent from ${day(fromMs)} to ${day(untilMs)}: shut, or cut off. These days are left out.`,
    ),
    '',
    formatPeriods(report),
    '',
    formatFeatures(whole),
    '',
    formatMachines(report),
  ].join('\n');
}

function tellSensor(change: SensorChange): string {
  const { machine, sensor, unit, kind, level, levelWithout, noiseFactor, afterMs, byMs } = change;
  const when = `between ${formatTime(afterMs)} and ${formatTime(byMs)}`;
  const levels = `${number(levelWithout)} → ${number(level)}${unit === '' ? '' : ` ${unit}`}`;
  switch (kind) {
    case 'rescaled':
      return `Sensor ${sensor} of ${machine} was rescaled by ${((level as number) / (levelWithout as number)).toFixed(2)} ${when} (${levels}).`;
    case 'shifted': {
      const noise = noiseFactor === null ? '' : `, noise × ${noiseFactor.toFixed(2)}`;
      return `Sensor ${sensor} of ${machine} was shifted by ${signed((level as number) - (levelWithout as number))} ${unit} ${when} (${levels}${noise}).`;
    }
    case 'noise':
      return `The noise of sensor ${sensor} of ${machine} became ${(noiseFactor as number).toFixed(2)} times as large ${when}.`;
    case 'silent':
      return `Sensor ${sensor} of ${machine} has been silent from ${day(byMs)} on, while others of it spoke.`;
    case 'machine':
      return `Sensor ${sensor} of ${machine} changed ${when} together with others of it (${levels}).`;
  }
}

/** A feature is told once, with the periods in which it drifted. */
function tellFeatures(
  whole: DriftSpan,
  periods: readonly DriftSpan[],
  of: (span: DriftSpan) => readonly FeatureDrift[],
): string[] {
  return of(whole).flatMap((feature, index) => {
    const drifted = periods.filter((span) => of(span)[index]?.verdict === 'drifted');
    if (drifted.length === 0 && feature.verdict !== 'drifted') return [];
    const spans = drifted.length === 0 ? [whole] : drifted;
    const most = spans
      .map((span) => of(span)[index] as FeatureDrift)
      .reduce((a, b) => ((b.psi ?? 0) > (a.psi ?? 0) ? b : a));
    const names =
      drifted.length === 0 ? 'over the whole time' : `in ${drifted.map(({ name }) => name).join(', ')}`;
    return [
      `${feature.feature} drifted ${names}: mean ${number(most.mean)}${feature.unit === '' ? '' : ` ${feature.unit}`}, ${number(feature.meanThen)} in training; PSI ${most.psi?.toFixed(2) ?? '–'}${most.missing - most.missingThen > 0.05 ? `, ${percent(most.missing)} missing` : ''}.`,
    ];
  });
}

function tellFailures(whole: DriftSpan, periods: readonly DriftSpan[]): string[] {
  const drifted = periods.filter(({ failures }) => failures.verdict === 'drifted');
  if (drifted.length === 0 && whole.failures.verdict !== 'drifted') return [];
  const names =
    drifted.length === 0 ? 'over the whole time' : `in ${drifted.map(({ name }) => name).join(', ')}`;
  const spans = drifted.length === 0 ? [whole] : drifted;
  const [count, days] = [
    spans.reduce((sum, { failures }) => sum + failures.count, 0),
    spans.reduce((sum, { failures }) => sum + failures.days, 0),
  ];
  const ratio = count / days / (whole.failures.rateThen as number);
  return [
    `Machines failed ${Number.isFinite(ratio) ? `${ratio.toFixed(2)} times as often as` : 'otherwise than'} in training ${names}.`,
  ];
}

function formatPeriods({ periods }: DriftReport): string {
  return formatTable(
    [
      { title: 'steps of' },
      ...['rows', 'machines', 'largest PSI', 'drifted', 'failures', 'per 1000', 'in training'].map(
        (title) => ({
          title,
          align: 'right' as const,
        }),
      ),
    ],
    periods.map(({ name, rowCount, machineCount, features, forecasts, failures }) => {
      const all = [...features, ...forecasts].filter(({ verdict }) => verdict !== 'too-few-machines');
      const most = all.reduce<FeatureDrift | null>((a, b) => ((b.psi ?? 0) > (a?.psi ?? 0) ? b : a), null);
      return [
        name,
        formatCount(rowCount),
        formatCount(machineCount),
        most ? `${most.psi?.toFixed(2)} ${most.feature}` : 'too few machines',
        formatCount(all.filter(({ verdict }) => verdict === 'drifted').length),
        `${formatCount(failures.count)}${failures.verdict === 'drifted' ? ' drifted' : ''}`,
        perThousand(failures.rate),
        perThousand(failures.rateThen),
      ];
    }),
  );
}

function formatFeatures({ features, forecasts }: DriftSpan): string {
  return formatTable(
    [
      { title: 'feature' },
      ...['mean', 'in training', 'PSI', 'KS', 'missing', 'in training', 'p'].map((title) => ({
        title,
        align: 'right' as const,
      })),
      { title: '' },
    ],
    [...features, ...forecasts].map((each) => [
      `${each.feature}${each.unit === '' ? '' : ` (${each.unit})`}`,
      number(each.mean),
      number(each.meanThen),
      each.psi?.toFixed(3) ?? '–',
      each.ks?.toFixed(3) ?? '–',
      percent(each.missing),
      percent(each.missingThen),
      each.p.toFixed(3),
      each.verdict === 'too-few-machines' ? 'too few machines' : each.verdict,
    ]),
  );
}

const machineWords = {
  'sensor-changed': 'a sensor was changed',
  wears: 'wears',
  differs: 'differs from what it was',
  'as-in-training': '',
} as const;
const machinesShown = 10;

function formatMachines({ machines }: DriftReport): string {
  const furthest = [...machines].sort((a, b) => (b.furthest?.ks ?? 0) - (a.furthest?.ks ?? 0));
  const table = formatTable(
    [
      { title: 'machine' },
      ...['rows', 'KS', 'PSI'].map((title) => ({ title, align: 'right' as const })),
      { title: 'furthest feature' },
      { title: '' },
    ],
    furthest
      .slice(0, machinesShown)
      .map(({ machine, rowCount, furthest: own, verdict, wearing, isKnown }) => [
        machine,
        formatCount(rowCount),
        own?.ks.toFixed(2) ?? '–',
        own?.psi.toFixed(2) ?? '–',
        own?.feature ?? '–',
        [
          machineWords[verdict],
          verdict === 'wears' ? `(${wearing.map(({ sensor }) => sensor).join(', ')})` : '',
          isKnown ? '' : 'not in training: held against the fleet',
        ]
          .filter((word) => word !== '')
          .join(' '),
      ]),
  );
  const wearing = machines.filter(({ verdict }) => verdict === 'wears').length;
  return `${table}\n${furthest.length > machinesShown ? `The ${machinesShown} furthest of ${furthest.length} machines, each against its own days in training. ` : ''}${wearing > 0 ? `${formatCounted(wearing, 'machine')} ${wearing === 1 ? 'wears' : 'wear'}: that is what forecasts are for, and no drift.` : ''}`.trimEnd();
}

const day = (timeMs: number) => formatTime(timeMs).slice(0, 10);
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const number = (value: number | null) => (value === null ? '–' : Number(value.toPrecision(4)).toString());
const signed = (value: number) => `${value > 0 ? '+' : ''}${number(value)}`;
const perThousand = (value: number | null) => (value === null ? '–' : (1000 * value).toFixed(2));
