/** An explanation in sentences: what is forecast, against what, and which sensors moved it when. */
import { explainedGroups } from '../infra/http/present.js';
import type { ExplanationWire } from '../infra/http/wire.js';
import { formatProbability } from './terminal/format.js';

/** Below this a group is not worth a sentence: a percentage point. */
const worthTelling = 0.01;
const sentencesMax = 4;
/** Of a group's total, to be "most of it". */
const mostOfIt = 0.8;

export function explanationWords(explanation: Omit<ExplanationWire, 'words'>): string[] {
  const { day, probability, baseline } = explanation;
  const days = (count: number) => (count === 1 ? 'the newest step' : `the newest ${count} steps`);
  const sentences = explainedGroups(explanation)
    .filter(({ total }) => Math.abs(total) >= worthTelling)
    .slice(0, sentencesMax)
    .map(({ group, attributions, total }) => {
      const recent = newestWithMost(attributions, total);
      const when = recent < attributions.length ? `, most of it by ${days(recent)}` : '';
      return `${group} ${total > 0 ? 'raised' : 'lowered'} it by ${Math.abs(total).toFixed(2)}${when}`;
    });
  return [
    `P(fail within ${day === 1 ? '1 step' : `${day} steps`}) is ${formatProbability(probability)}; of an average machine with as long a history it would be ${formatProbability(baseline)}`,
    ...(sentences.length === 0 ? ['no sensor moved it by a percentage point'] : sentences),
  ];
}

/** How many of the newest steps hold most of the total. */
function newestWithMost(attributions: readonly number[], total: number): number {
  let sum = 0;
  for (let back = 1; back <= attributions.length; back++) {
    sum += attributions[attributions.length - back] ?? 0;
    if (sum / total >= mostOfIt) return back;
  }
  return attributions.length;
}
