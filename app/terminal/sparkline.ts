/** Small pictures made of block characters. Values that are not finite are drawn as gaps. */

const blocks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

export interface Scale {
  readonly min: number;
  readonly max: number;
}

/** One character per value, or per bucket mean when there are more values than `width`. */
export function sparkline(values: readonly number[], width = values.length, scale?: Scale): string {
  const shown = squeeze(values, width);
  const finite = shown.filter(Number.isFinite);
  const min = scale?.min ?? Math.min(...finite);
  const max = scale?.max ?? Math.max(...finite);
  return shown
    .map((value) => {
      if (!Number.isFinite(value)) return ' ';
      const share = max > min ? (value - min) / (max - min) : 0.5;
      return blocks[Math.min(blocks.length - 1, Math.max(0, Math.floor(share * blocks.length)))];
    })
    .join('');
}

/** Means of `width` buckets of nearly equal size; `values` itself when there are not more. */
function squeeze(values: readonly number[], width: number): readonly number[] {
  if (values.length <= width) return values;
  return Array.from({ length: width }, (_, i) => {
    const from = Math.floor((i * values.length) / width);
    const bucket = values.slice(from, Math.floor(((i + 1) * values.length) / width)).filter(Number.isFinite);
    return bucket.length === 0 ? Number.NaN : bucket.reduce((sum, value) => sum + value, 0) / bucket.length;
  });
}

/**
 * The failure curve F_1..F_H as bars, one column a day, `height` rows, with an axis in probability and days:
 *
 *     1.0 │                ▂▄▆███████
 *     0.5 │        ▁▃▅▇██████████████
 *     0.0 └──────────────────────────
 *          1       7             14
 */
export function curveChart(
  probabilities: readonly number[],
  height = 6,
  days = [1, 7, 14, 21, 30],
): string[] {
  const lines: string[] = [];
  for (let row = height - 1; row >= 0; row--) {
    const bars = probabilities.map((p) => {
      const eighths = Math.round(Math.min(1, Math.max(0, p)) * height * 8) - row * 8;
      return eighths <= 0 ? ' ' : (blocks[Math.min(eighths, 8) - 1] ?? '█');
    });
    const label = row === height - 1 ? '1.0' : row === Math.floor(height / 2) - 1 ? '0.5' : '   ';
    lines.push(`${label} │${bars.join('')}`.trimEnd());
  }
  lines.push(`0.0 └${'─'.repeat(probabilities.length)}`);
  let axis = ' '.repeat(5);
  for (const day of days.filter((candidate) => candidate <= probabilities.length)) {
    const at = 5 + day - 1;
    if (at < axis.length && axis.length > 5) continue;
    axis = axis.padEnd(at) + day;
  }
  lines.push(`${axis}  days ahead`);
  return lines;
}

const shades = [' ', '░', '▒', '▓', '█'] as const;

/** The curve as one line, a character a day, darker is likelier. A probability that is not nil is never blank. */
export function curveStrip(probabilities: readonly number[]): string {
  return probabilities
    .map((p) => (p < 0.005 ? shades[0] : shades[Math.min(4, 1 + Math.floor(p * 4))]))
    .join('');
}
