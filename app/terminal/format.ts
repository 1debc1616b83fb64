/** Numbers as people read them. The same everywhere: English grouping, a space before the unit. */

const counts = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 4180 → "4,180" */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** (1, 'engine') → "1 engine"; (20, 'engine') → "20 engines". `many` where it is not formed with s. */
export function formatCounted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A probability in [0, 1] with two digits: "0.71"; what is not quite none or all never reads as if it were. */
export function formatProbability(probability: number): string {
  if (!Number.isFinite(probability)) return '–';
  if (probability > 0 && probability < 0.005) return '<0.01';
  if (probability < 1 && probability >= 0.995) return '>0.99';
  return probability.toFixed(2);
}

/** 0.714 → "71 %" */
export function formatPercent(fraction: number): string {
  return Number.isFinite(fraction) ? `${Math.round(fraction * 100)} %` : '–';
}

/** Whole days: "22 d"; null (not within the horizon, not known) → "–". */
export function formatDays(days: number | null): string {
  return days === null ? '–' : `${formatCount(days)} d`;
}

/** A span of wall time with the two digits that matter: "850 ms", "9.1 s", "2 min 5 s", "3 h 20 min". */
export function formatSpan(spanMs: number): string {
  if (spanMs < 999.5) return `${Math.round(spanMs)} ms`;
  if (spanMs < 9950) return `${(spanMs / 1000).toFixed(1)} s`;
  const seconds = Math.round(spanMs / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(spanMs / 60_000);
  if (minutes < 1440) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(spanMs / 3_600_000);
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** 1536 → "1.5 kB" (powers of 1,000) */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Three significant digits, plain: 0.0128, 14.6, 1,590. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(2);
  return new Intl.NumberFormat('en-US', {
    maximumFractionDigits: size >= 100 ? 0 : 20,
    maximumSignificantDigits: size >= 100 ? 15 : 3,
  }).format(size >= 100 ? Math.round(value) : value);
}

/** UTC minute: "2026-03-01 12:00 UTC". */
export function formatTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
