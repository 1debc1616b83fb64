/** What was said against what came, at one day. */
import type { ReliabilityBin } from '../../backtest/metrics/calibration.js';
import { lineChart } from './line-chart.js';

export function reliabilityChart(at: {
  readonly day: number;
  readonly reliability: readonly ReliabilityBin[];
  readonly calibrationError: number | null;
}): string {
  const { day, reliability, calibrationError } = at;
  const bins = reliability.flatMap(({ meanForecast, failedShare, count }) =>
    meanForecast === null || failedShare === null ? [] : [{ meanForecast, failedShare, count }],
  );
  const most = Math.max(...bins.map(({ count }) => count), 1);
  return lineChart({
    title: `Day ${day}: calibration error ${calibrationError === null ? '–' : calibrationError.toPrecision(3)}`,
    xLabel: 'probability said',
    yLabel: 'share that failed',
    xRange: [0, 1],
    yRange: [0, 1],
    series: [
      {
        name: '',
        look: 'reference',
        points: [
          [0, 0],
          [1, 1],
        ],
      },
      {
        name: '',
        look: 'first',
        points: bins.map(({ meanForecast, failedShare }) => [meanForecast, failedShare]),
        radii: bins.map(({ count }) => 2 + 6 * Math.sqrt(count / most)),
      },
    ],
  });
}
