/** A search for people: trials, best first, with what each costs; and as CSV for spreadsheets. */
import { formatCount, formatNumber, formatSpan } from '../terminal/format.js';
import { formatTable } from '../terminal/table.js';
import type { SearchSpace, Settings, Value } from './space.js';
import type { SearchResult, SearchTrial } from './tune.js';

interface Judged extends SearchTrial {
  readonly meanBrier: number;
}

const isJudged = (trial: SearchTrial): trial is Judged => trial.meanBrier !== null;

/** Trials that no other beats in both score and time, best first. */
export function tradeOffs(trials: readonly SearchTrial[]): readonly Judged[] {
  const ranked = rank(trials);
  let cheapestMs = Number.POSITIVE_INFINITY;
  return ranked.filter(({ trainedMs }) => {
    const cheaper = trainedMs < cheapestMs;
    if (cheaper) cheapestMs = trainedMs;
    return cheaper;
  });
}

/** Best first; of equals the cheapest. */
export function rank(trials: readonly SearchTrial[]): readonly Judged[] {
  return trials.filter(isJudged).sort((a, b) => a.meanBrier - b.meanBrier || a.trainedMs - b.trainedMs);
}

const shownMax = 25;

export function formatSearch(result: SearchResult, space: SearchSpace): string {
  const { trials, judgedMachineCount } = result;
  const ranked = rank(trials);
  const [best] = ranked;
  const pruned = trials.length - ranked.length;
  if (best === undefined) return 'No trial went to its end.';
  const front = new Set(tradeOffs(trials).map(({ number }) => number));
  // Trial 0 is what one has: it is shown wherever it stands.
  const shown = ranked.filter(({ number }, index) => index < shownMax || number === 0);
  const fields = Object.keys(space);
  const table = formatTable(
    [
      { title: 'trial', align: 'right' },
      { title: '' },
      ...fields.map((title) => ({ title, align: 'right' as const })),
      { title: 'mean Brier', align: 'right' },
      { title: '± seeds', align: 'right' },
      { title: 'behind', align: 'right' },
      { title: 'training', align: 'right' },
      { title: 'of the best', align: 'right' },
      { title: 'parameters', align: 'right' },
    ],
    shown.map((trial) => [
      String(trial.number),
      front.has(trial.number) ? '*' : '',
      ...fields.map((field) => (field in trial.settings ? valueText(trial.settings[field] as Value) : '·')),
      formatNumber(trial.meanBrier),
      trial.seedSd === null ? '–' : formatNumber(trial.seedSd),
      percentBehind(trial, best),
      formatSpan(trial.trainedMs),
      times(trial, best),
      trial.parameterCount === null ? '–' : formatCount(trial.parameterCount),
    ]),
  );
  return [
    table,
    '',
    `Judged on ${judgedMachineCount} machines that no trial has learned from; · the settings that were given; * no other trial is both better and quicker to train.`,
    ...(pruned > 0
      ? [`${pruned} of ${trials.length} trials were broken off, worse than half of the others on the way.`]
      : []),
    ...(shown.length < ranked.length
      ? [`${ranked.length - shown.length} more trials are in the CSV and the JSON.`]
      : []),
    ...tradeOffs(trials)
      .slice(1)
      .map(
        (trial) =>
          `Trial ${trial.number} is ${percentBehind(trial, best).replace('+', '')} worse than trial ${best.number} and takes ${times(trial, best)} its time to train.`,
      ),
    `The best of ${ranked.length} on the same machines is flattered by the choice: judge the network that you train with its settings on others.`,
  ].join('\n');
}

/** Every trial in its order, finished or not. */
export function searchCsv({ trials }: SearchResult, space: SearchSpace): string {
  const fields = Object.keys(space);
  const [best] = rank(trials);
  const head = [
    ...['trial', 'state', ...fields, 'meanBrier', 'seedSd', 'relativeToBest', 'trainedMs'],
    ...['timeOfBest', 'parameterCount'],
  ];
  const rows = trials.map((trial) => [
    trial.number,
    trial.state,
    ...fields.map((field) => (field in trial.settings ? valueText(trial.settings[field] as Value) : '')),
    trial.meanBrier,
    trial.seedSd,
    best && trial.meanBrier !== null ? trial.meanBrier / best.meanBrier : null,
    Math.round(trial.trainedMs),
    best ? trial.trainedMs / best.trainedMs : null,
    trial.parameterCount,
  ]);
  return [head, ...rows].map((row) => `${row.map(csvCell).join(',')}\n`).join('');
}

function csvCell(value: string | number | null): string {
  const text = value === null ? '' : String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What the search found, as training settings: those given, with the best trial's in their place. */
export function bestSettings({ trials }: SearchResult): Settings {
  return rank(trials)[0]?.settings ?? {};
}

function valueText(value: Value): string {
  return typeof value === 'string'
    ? value
    : typeof value === 'number'
      ? String(value)
      : JSON.stringify(value);
}

function percentBehind(trial: Judged, best: Judged): string {
  return `+${(100 * (trial.meanBrier / best.meanBrier - 1)).toFixed(1)} %`;
}

function times(trial: SearchTrial, best: SearchTrial): string {
  return `${(trial.trainedMs / best.trainedMs).toFixed(2)}×`;
}
