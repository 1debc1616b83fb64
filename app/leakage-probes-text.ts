/** The probes for leakage in words. */
import type { ProbedForecaster } from '../backtest/leakage-probes.js';
import type { LeakageProbes } from './leakage-probes.js';
import { formatTable } from './terminal/table.js';

const words = { collapsed: 'collapsed', 'too-good': 'TOO GOOD', 'no-skill': 'no skill to lose' } as const;
const statistics = {
  'training-only': 'of the machines that it learned from, and of no other',
  'whole-set': 'OF WHAT IT IS JUDGED ON, TOO',
  unknown: 'of other data than --baseline-data, or by operating regime: cannot be told',
} as const;

export function formatProbes({
  rowCount,
  lookAhead,
  shuffledFutures,
  shiftedLabels,
  wholeSetStatistics: { network, smoothing },
  warnings,
}: LeakageProbes): string {
  const day = new Date(lookAhead.exchangedFromMs).toISOString().slice(0, 10);
  return [
    `Exchanged future: from ${day} on, every machine gave the readings of another. ${lookAhead.changedCount} of ${lookAhead.forecastCount} forecasts from before changed, ${lookAhead.laterChangedCount} from after.`,
    '',
    `Skill over the marginal hazard on ${rowCount} forecasts, and with damaged outcomes:`,
    tableOf('outcomes shuffled', shuffledFutures),
    '',
    tableOf(`the outcome of ${shiftedLabels.days} days later`, shiftedLabels.forecasters),
    '',
    `Statistics: the network's are ${statistics[network.verdict]}.`,
    ...(smoothing === null
      ? []
      : [
          `Taken from the whole set, they would move the mean Brier score of smoothing + linear from ${score(smoothing.before)} to ${score(smoothing.after)}.`,
        ]),
    '',
    ...(warnings.length === 0 ? ['Nothing found.'] : warnings.map((warning) => `Warning: ${warning}.`)),
  ].join('\n');
}

function tableOf(what: string, probed: readonly ProbedForecaster[]): string {
  return formatTable(
    [{ title: what }, { title: 'skill', align: 'right' }, { title: 'then', align: 'right' }, { title: '' }],
    probed.map(({ name, skillBefore, skillAfter, verdict }) => [
      name,
      percent(skillBefore),
      percent(skillAfter),
      words[verdict],
    ]),
  );
}

const percent = (value: number | null) => (value === null ? '–' : `${(100 * value).toFixed(1)} %`);
const score = (value: number | null) => (value === null ? '–' : value.toFixed(5));
