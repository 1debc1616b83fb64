/** An explanation on a terminal: the sentences, and a strip of days for each sensor. */
import { explainedGroups } from '../../infra/http/present.js';
import type { ExplanationWire } from '../../infra/http/wire.js';
import { formatTime } from './format.js';
import { formatTable } from './table.js';

const raised = ['░', '▒', '▓', '█'] as const;
const lowered = ['·', '-', '=', '≡'] as const;
/** Days in a strip: the newest ones. */
const stripSteps = 60;

export function formatExplanation(explanation: ExplanationWire): string {
  const groups = explainedGroups(explanation);
  const largest = Math.max(...groups.flatMap(({ attributions }) => attributions.map(Math.abs)), 1e-12);
  const shade = (value: number) => {
    const level = Math.ceil((Math.abs(value) / largest) * 4);
    if (Math.abs(value) < largest / 40) return ' ';
    return (value > 0 ? raised : lowered)[Math.min(3, level - 1)] as string;
  };
  const rows = groups.map(({ group, attributions, total }) => [
    group,
    `${total < 0 ? '−' : '+'}${Math.abs(total).toFixed(3)}`,
    `│${attributions.slice(-stripSteps).map(shade).join('')}│`,
  ]);
  const { machine, originMs, model, forecastModel, error, probability, forecastProbability } = explanation;
  const notes = [
    model === forecastModel
      ? ''
      : `The forecast was made by ${forecastModel}, which is gone: ${model} is asked.`,
    Math.abs(probability - forecastProbability) > 5e-3
      ? `The forecast itself says ${forecastProbability.toFixed(3)}: a calibration, or another network, made it.`
      : '',
  ];
  return [
    `${machine} at ${formatTime(originMs)} · model ${model}`,
    ...explanation.words.map((sentence, index) => `${index === 0 ? '' : '  '}${sentence}`),
    ...notes.filter((note) => note !== ''),
    '',
    formatTable(
      [{ title: '' }, { title: 'moved by', align: 'right' }, { title: 'oldest step → newest' }],
      rows,
    ),
    `░▒▓█ raised, ·-=≡ lowered the probability; █ and ≡ by up to ${largest.toFixed(3)} on one step. Sum to ${error.toExponential(0)}.`,
  ].join('\n');
}
