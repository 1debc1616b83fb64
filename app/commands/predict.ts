/** `millwright predict`: the failure curve of a machine, or of a window in a file. */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { z } from 'zod';
import { UserError } from '../../domain/errors.js';
import type { FeatureWindow, Predictor } from '../../domain/features.js';
import {
  type CurveKind,
  curveOf,
  expectedDay,
  type ForecastValues,
  probabilityWithin,
} from '../../domain/forecast.js';
import type { FleetRow } from '../../domain/store.js';
import { windowOfRows } from '../../stream/sequence.js';
import { type Deployment, loadDeployment } from '../config.js';
import { didYouMean } from '../config-suggestion.js';
import { openStore } from '../open-store.js';
import { formatDays, formatProbability, formatTime } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { curveChart } from '../terminal/sparkline.js';
import { withNetworkInUse } from './network-in-use.js';
import { configOption, jsonOption } from './options.js';

interface PredictOptions {
  readonly config: string;
  readonly window?: string;
  readonly type?: string;
  readonly json: boolean;
}

export function predictCommand(): Command {
  return new Command('predict')
    .description('print the probability of failure for each of the next days, of a machine or of a window')
    .argument('[machine]', 'machine id: its newest forecast in the store')
    .addOption(configOption())
    .option(
      '--window <file>',
      'JSON file with {"rows": [{feature: value}, ...]}, oldest first: forecast from it',
    )
    .option('--type <name>', 'with --window: machine type, where there are several')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright predict unit-84
  millwright predict --window window.json --json

A window file: {"rows": [{"vibration.mean": 3.1, "age": 12}, {"vibration.mean": 3.4, "age": 13}]}; features that are left out are
missing. The names are those of the model's preprocessing.json; a wrong one is answered with all of them.

Exit code: 0 forecast, 1 the machine cannot be assessed, 2 wrong usage.`,
    )
    .action(async (machine: string | undefined, options: PredictOptions) => {
      const deployment = loadDeployment(options.config);
      if ((machine === undefined) === (options.window === undefined))
        throw new UserError(
          'name a machine (millwright predict press-7), or a file with --window: one of the two',
        );
      if (machine !== undefined) await showNewest(deployment, machine, options.json);
      else await forecastWindow(deployment, options.window as string, options);
    });
}

async function showNewest(deployment: Deployment, machine: string, json: boolean): Promise<void> {
  const { store } = await openStore(deployment, 'read-only');
  try {
    const [forecast] = await store.forecasts(machine, { limit: 1 });
    if (!forecast) throw noForecast(deployment, machine, await store.fleet());
    const { probabilities } = forecast;
    if (probabilities.length === 0) process.exitCode = 1;
    printResult(
      {
        json: forecast,
        human: () =>
          probabilities.length === 0
            ? [`${machine} cannot be assessed: ${forecast.reason}`, ...describeValues(forecast.values)].join(
                '\n',
              )
            : [
                `${machine} at ${formatTime(forecast.originMs)} · ${forecast.status}${forecast.reason ? ` (${forecast.reason})` : ''} · model ${forecast.model}`,
                ...describeCurve(
                  probabilities,
                  (days) => probabilityWithin(forecast, days),
                  curveOf(forecast),
                ),
                ...describeValues(forecast.values),
              ].join('\n'),
      },
      json,
    );
  } finally {
    await store.close();
  }
}

/** Why there is none, as far as can be told, and what to do. */
function noForecast(deployment: Deployment, machine: string, fleet: readonly FleetRow[]): UserError {
  const names = fleet.map(({ forecast }) => forecast.machine);
  if (deployment.directory.find(machine) === undefined && names.length === 0)
    return new UserError(`"${machine}" fits no entry under \`machines\` of ${deployment.file}`);
  if (names.length === 0)
    return new UserError(
      `there is no forecast yet, of "${machine}" or any other: the first comes when the first step (day) with readings has ended, and its grace after it`,
    );
  const near = didYouMean(machine, names);
  const others =
    names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ');
  return new UserError(
    `there is no forecast of "${machine}"${near === undefined ? `; there are forecasts of ${others}` : `; did you mean ${near}?`}`,
  );
}

const windowSchema = z.strictObject({ rows: z.array(z.record(z.string(), z.number().nullable())).min(1) });

async function forecastWindow(deployment: Deployment, file: string, options: PredictOptions): Promise<void> {
  await withNetworkInUse(deployment, options.type, async (predictor) => {
    const probabilities = [...(await predictor.predict([await readWindow(file, predictor)]))];
    const human = () =>
      describeCurve(
        probabilities,
        (days) => probabilities[Math.min(days, probabilities.length) - 1],
        'failure',
      ).join('\n');
    printResult(
      { json: { model: predictor.version, probabilities, expectedDay: expectedDay(probabilities) }, human },
      options.json,
    );
  });
}

async function readWindow(file: string, { spec }: Predictor): Promise<FeatureWindow> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UserError(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const parsed = windowSchema.safeParse(json);
  if (!parsed.success)
    throw new UserError(
      `${file}: ${parsed.error.issues[0]?.message}; write {"rows": [{"${spec.names[0]}": 1.5, ...}, ...]}, a row per step, oldest first`,
    );
  return windowOfRows(spec, parsed.data.rows, file);
}

function describeCurve(
  probabilities: readonly number[],
  within: (days: number) => number | undefined,
  kind: CurveKind,
): string[] {
  const expected = expectedDay(probabilities);
  const parts = [7, 14, 30].map(
    (days) => `within ${days} d ${formatProbability(within(days) ?? Number.NaN)}`,
  );
  return [
    `${kind === 'failure' ? 'P(fail)' : 'P(health index passes its limit; no forecast of a failure)'} ${parts.join(' · ')} · ${expected === null ? `expected beyond ${probabilities.length} d` : `expected in ${formatDays(expected)}`}`,
    '',
    ...curveChart(probabilities),
  ];
}

/** The newest forecast of every sensor whose values are forecast, and the limits that it may pass. */
function describeValues(values: ForecastValues | undefined): string[] {
  if (!values) return [];
  const { healthIndex, sensors, passings } = values;
  const shown = (value: number | undefined) => (value === undefined ? '' : value.toPrecision(4));
  return [
    '',
    ...(healthIndex === null ? [] : [`health index ${healthIndex.toFixed(2)} (limit 1)`]),
    ...sensors.map(
      ({ sensor, low, median, high }) =>
        `${sensor} in ${median.length} d: ${shown(median.at(-1))} (80 % within ${shown(low.at(-1))} to ${shown(high.at(-1))})`,
    ),
    ...passings.map(({ sensor, side, limit, day, earliestDay, latestDay }) =>
      day === null
        ? `${sensor} may pass its limit: ${side} ${limit} from day ${earliestDay} on`
        : `${sensor} passes its limit, ${side} ${limit}, in about ${day} d (${earliestDay} to ${latestDay ?? 'beyond the horizon'})`,
    ),
  ];
}
