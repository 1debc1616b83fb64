/** A diagnosis as one HTML file. */
import type { DayDiagnosis, PartDiagnosis, Verdict } from '../backtest/diagnosis/diagnose.js';
import { limits } from '../backtest/diagnosis/diagnose.js';
import type { NetworkDiagnosis } from './diagnosis.js';
import { escapeHtml, lineChart, type Series } from './pictures/line-chart.js';
import { htmlPage, section } from './pictures/page.js';
import { reliabilityChart } from './pictures/reliability-chart.js';
import { formatCounted } from './terminal/format.js';

export function diagnosisHtml(diagnosis: NetworkDiagnosis): string {
  const { version, verdicts, training, unseen, days, losses, horizonDays } = diagnosis;
  const sections = [
    section('Verdict', verdicts.map(verdictHtml).join('')),
    section('Scores', scoresHtml(training, unseen)),
    losses.length === 0
      ? ''
      : section(
          'Loss while it was trained',
          `<p>The validation loss is of the machines kept from training; training may look worse than validation where dropout is on. The network of the lowest validation loss was kept.</p><div class="charts">${lossChart(diagnosis)}</div>`,
        ),
    section(
      'Reliability',
      `<p>Of the forecasts that said about <i>p</i>, what share failed? On the diagonal: as often as said. Larger dots: more forecasts. Machines that the network has not seen.</p><div class="charts">${days.map((day) => reliabilityChart(day)).join('')}</div>`,
    ),
    section(
      'Residuals',
      `<p>What came (1 failed by that day, 0 not) less what was said. Above 0: failures come more often than said.</p><div class="charts">${residualChart(training, unseen, horizonDays)}</div>`,
    ),
    section(
      'Autocorrelation of the residuals',
      `<p>Forecasts of day <i>k</i> issued less than <i>k</i> steps apart ask about days in common, so up to lag <i>k</i> (the dotted upright) they are alike for any network. Beyond it they should lie in the band.</p><div class="charts">${days.map(autocorrelationChart).join('')}</div>`,
    ),
    section(
      'How it was judged',
      `<p>Every origin with a known future; a day counts where the machine is known to have failed by then or to run at its end. Said from these on: overfit above ${limits.overfitRatio} times the Brier score of the training machines; underfit below a skill of ${limits.underfitSkill} on them; calibration error above ${limits.calibrationError}; mean residual beyond ±${limits.meanResidual}; autocorrelation above ${limits.autocorrelation} where no days are in common.</p>`,
    ),
  ];
  return htmlPage(`Diagnosis of ${version}`, sections);
}

function verdictHtml({ name, seen, tries }: Verdict): string {
  const list = tries.map((each) => `<li>${withCode(each)}</li>`).join('');
  return `<div class="verdict ${name === 'sound' ? 'good' : 'bad'}"><h3>${name.replaceAll('-', ' ')}</h3><p>${withCode(seen)}</p><p>Try:</p><ol>${list}</ol></div>`;
}

/** `word` as code. */
function withCode(text: string): string {
  return escapeHtml(text).replace(/`([^`]*)`/g, '<code>$1</code>');
}

function scoresHtml(training: PartDiagnosis | null, unseen: PartDiagnosis): string {
  const row = (name: string, { machineCount, rowCount, brier, marginalBrier, skill }: PartDiagnosis) =>
    `<tr><th>${name}</th><td>${formatCounted(machineCount, 'machine')}</td><td>${formatCounted(rowCount, 'forecast')}</td><td>${figure(brier)}</td><td>${figure(marginalBrier)}</td><td>${skill === null ? '–' : `${(skill * 100).toFixed(1)} %`}</td></tr>`;
  const parts = [training ? row('trained on', training) : '', row('not seen', unseen)];
  const note = training
    ? ''
    : '<p>Which machines it was trained on is not known, or none of them are in the data: over- and underfitting cannot be told apart.</p>';
  return `<table><tr><th></th><th>machines</th><th>forecasts</th><th>Brier</th><th>marginal</th><th>skill</th></tr>${parts.join('')}</table>${note}`;
}

function lossChart({ losses }: NetworkDiagnosis): string {
  const of = (pick: (point: (typeof losses)[number]) => number) =>
    losses.map((point) => [point.step, pick(point)] as const);
  return lineChart({
    title: 'Survival loss',
    xLabel: 'training step',
    yLabel: 'loss',
    series: [
      { name: 'training', look: 'first', points: of(({ trainLoss }) => trainLoss) },
      { name: 'validation', look: 'second', points: of(({ validationLoss }) => validationLoss) },
    ],
  });
}

function residualChart(training: PartDiagnosis | null, unseen: PartDiagnosis, horizonDays: number): string {
  const points = ({ meanResidual }: PartDiagnosis) =>
    meanResidual.flatMap((value, index) => (value === null ? [] : [[index + 1, value] as const]));
  const series: Series[] = [
    {
      name: '',
      look: 'reference',
      points: [
        [1, 0],
        [horizonDays, 0],
      ],
    },
    { name: 'not seen', look: 'second', points: points(unseen) },
    ...(training ? [{ name: 'trained on', look: 'first', points: points(training) } as const] : []),
  ];
  const largest = Math.max(0.05, ...series.flatMap((each) => each.points.map(([, y]) => Math.abs(y))));
  return lineChart({
    title: 'Mean residual by day of the horizon',
    xLabel: 'days ahead',
    yLabel: 'came − said',
    yRange: [-largest, largest],
    series,
  });
}

function autocorrelationChart({ day, autocorrelation, band }: DayDiagnosis): string {
  const points = autocorrelation.flatMap((value, index) =>
    value === null ? [] : [[index + 1, value] as const],
  );
  const last = autocorrelation.length;
  const line = (y: number): Series => ({
    name: '',
    look: 'reference',
    points: [
      [1, y],
      [last, y],
    ],
  });
  const upright: Series = {
    name: '',
    look: 'reference',
    points: [
      [day, -0.3],
      [day, 1],
    ],
  };
  return lineChart({
    title: `Day ${day}`,
    xLabel: 'lag in steps',
    yLabel: 'autocorrelation',
    xRange: [1, last],
    yRange: [-0.3, 1],
    series: [line(band), line(-band), ...(day <= last ? [upright] : []), { name: '', look: 'first', points }],
  });
}

const figure = (value: number | null) => (value === null ? '–' : value.toPrecision(3));
