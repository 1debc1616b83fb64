/** The folds and seeds of a walk-forward backtest for people: on the terminal and as HTML. */
import { escapeHtml } from '../pictures/line-chart.js';
import { section } from '../pictures/page.js';
import { formatCount, formatPercent } from '../terminal/format.js';
import { formatTable } from '../terminal/table.js';
import { deviation } from '../trials/folds.js';
import type { FoldScores, JudgedWalk, WalkScores } from './judge-walk.js';

type Scores = Pick<JudgedWalk, 'folds' | 'seeds'>;

const scoreTitles = ['forecasts', 'failing', 'mean Brier', 'concordance', 'skill', 'best baseline'] as const;
const foldTitles = [
  'fold',
  'learned from',
  'until',
  'machines',
  'judged from',
  'to',
  ...scoreTitles,
] as const;

const explained =
  'Failing: forecasts that were followed by a failure within the horizon. Best baseline: its mean Brier score.';

/** Of the first seed. */
export function formatFolds({ folds }: Pick<Scores, 'folds'>): string[] {
  return [
    formatTable(
      foldTitles.map((title) => ({ title, align: 'right' })),
      ofFirstSeed(folds).map(foldCells),
    ),
    `${explained} Times are UTC.`,
    ...ofFirstSeed(folds).flatMap(({ fold }) => whyTrained(fold)),
  ];
}

/** None for a single seed. */
export function formatSeeds({ seeds }: Pick<Scores, 'seeds'>): string[] {
  if (seeds.length < 2) return [];
  return [
    '',
    formatTable(
      ['seed', ...scoreTitles].map((title) => ({ title, align: 'right' })),
      seeds.map((each) => [String(each.seed), ...scoreCells(each)]),
    ),
    spreadOf(seeds),
  ];
}

export function walkSection({ folds, seeds }: Scores): string {
  return section(
    'Fold by fold',
    `<p>Before each fold the network and the baselines were fitted anew on what was known when it began. Skill: share of the marginal hazard's mean Brier score that is gone. ${explained} Times are UTC.</p>${htmlTable(foldTitles, ofFirstSeed(folds).map(foldCells))}${ofFirstSeed(
      folds,
    )
      .flatMap(({ fold }) => whyTrained(fold))
      .map((why) => `<p>${escapeHtml(why)}</p>`)
      .join('')}${
      seeds.length < 2
        ? ''
        : `<p>The same with other seeds:</p>${htmlTable(
            ['seed', ...scoreTitles],
            seeds.map((each) => [String(each.seed), ...scoreCells(each)]),
          )}<p>${escapeHtml(spreadOf(seeds))}</p>`
    }`,
  );
}

function whyTrained({ number, because }: FoldScores['fold']): string[] {
  return because ? [`Fold ${number} begins because of drift: ${because.join(', ')}.`] : [];
}

function ofFirstSeed(folds: readonly FoldScores[]): readonly FoldScores[] {
  return folds.filter(({ seed }) => seed === folds[0]?.seed);
}

function foldCells(scores: FoldScores): string[] {
  const { number, trainFromMs, trainUntilMs, fromMs, lastOriginMs } = scores.fold;
  return [
    String(number),
    minute(trainFromMs),
    minute(trainUntilMs),
    formatCount(scores.trainingMachineCount),
    minute(fromMs),
    minute(lastOriginMs),
    ...scoreCells(scores),
  ];
}

function scoreCells({ judgedCount, failedCount, forecasters: [own, ...baselines] }: WalkScores): string[] {
  const best = baselines
    .filter(({ meanBrier }) => meanBrier !== null)
    .sort((a, b) => (a.meanBrier as number) - (b.meanBrier as number))[0];
  return [
    formatCount(judgedCount),
    formatCount(failedCount),
    digits(own?.meanBrier ?? null, 4),
    digits(own?.concordance ?? null, 3),
    formatPercent(own?.skill ?? Number.NaN),
    best === undefined ? '–' : `${digits(best.meanBrier, 4)} ${best.name}`,
  ];
}

function spreadOf(seeds: Scores['seeds']): string {
  const scores = seeds.map(({ forecasters }) => forecasters[0]?.meanBrier ?? null);
  return `Standard deviation of the mean Brier score over ${seeds.length} seeds: ${digits(deviation(scores), 4)}.`;
}

const digits = (value: number | null, places: number) => (value === null ? '–' : value.toFixed(places));
const minute = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ');

function htmlTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<div style="overflow-x:auto"><table class="figures">${row(titles, 'th')}${rows.map((cells) => row(cells, 'td')).join('')}</table></div>`;
}
