/** What is shown under the bar while a network trains: how the losses and the gradients went so far. */
import type { TrainingProgress } from '../../model/trained-network.js';
import { formatNumber } from './format.js';
import { sparkline } from './sparkline.js';
import type { Paint } from './terminal.js';

const curveColumns = 24;
const shownParameters = 3;

export class TrainingView {
  readonly #paint: Paint;
  #seen: TrainingProgress[] = [];

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  /** Takes a validation; one of an earlier step than the last begins another network. */
  add(progress: TrainingProgress): readonly string[] {
    const last = this.#seen.at(-1);
    if (last && last.step >= progress.step) this.#seen = [];
    this.#seen.push(progress);
    return this.#lines(progress);
  }

  #lines(now: TrainingProgress): readonly string[] {
    const { parameterNorms, stepNorms } = now;
    const largest = Object.entries(parameterNorms)
      .sort(([, a], [, b]) => b - a)
      .slice(0, shownParameters)
      .map(([name, norm]) => `${name} ${formatNumber(norm)}`);
    return [
      this.#line('training', (each) => each.trainLoss, `loss ${formatNumber(now.trainLoss)}`),
      this.#line(
        'validation',
        (each) => each.validationLoss,
        `loss ${formatNumber(now.validationLoss)}, best ${formatNumber(now.bestLoss)}`,
      ),
      this.#line(
        'gradient',
        (each) => each.gradientNorm,
        `norm ${formatNumber(now.gradientNorm)} · ${largest.join(' · ')}`,
      ),
      this.#line('rate', (each) => each.learningRate, formatNumber(now.learningRate)),
      ...(stepNorms ? [this.#reach(stepNorms)] : []),
    ];
  }

  #line(label: string, of: (progress: TrainingProgress) => number, words: string): string {
    const curve = sparkline(this.#seen.map(of), curveColumns).padEnd(curveColumns);
    return `           ${this.#paint.dim(label.padEnd(10))} ${curve}  ${words}`;
  }

  /** Norms differ by orders of magnitude, so their logarithms are drawn: three orders from bottom to top. */
  #reach(stepNorms: readonly number[]): string {
    const logs = stepNorms.map((norm) => Math.log10(norm));
    const max = Math.max(...logs);
    const [oldest, newest] = [stepNorms[0] as number, stepNorms.at(-1) as number];
    const curve = sparkline(logs, curveColumns, { min: max - 3, max }).padEnd(curveColumns);
    return `           ${this.#paint.dim('reach'.padEnd(10))} ${curve}  gradient at the oldest step ${formatNumber(oldest / newest)} of the newest's`;
  }
}
