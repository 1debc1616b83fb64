/** Machines × time: how dark the forecasts were, when alerts stood, when machines failed. */
import { formatTime } from '../terminal/format.js';
import { escapeHtml } from './line-chart.js';

export interface TimelineMachine {
  readonly machine: string;
  /** By rising origin; null: not assessable. */
  readonly forecasts: readonly { readonly originMs: number; readonly probability: number | null }[];
  /** Infinity: stands at the end. */
  readonly alerts: readonly { readonly fromMs: number; readonly toMs: number }[];
  readonly failuresMs: readonly number[];
}

const [width, left, right, rowHeight, top] = [1320, 120, 16, 16, 8];
const shades = 6;

/** `stepMs`: for how long a forecast is shown, at most. */
export function fleetTimeline(machines: readonly TimelineMachine[], stepMs: number): string {
  const times = machines.flatMap(({ forecasts, failuresMs }) => [
    ...forecasts.map(({ originMs }) => originMs),
    ...failuresMs,
  ]);
  if (times.length === 0) return '<p>No forecast, no failure: nothing to show.</p>';
  const fromMs = times.reduce((least, time) => Math.min(least, time));
  const toMs = times.reduce((most, time) => Math.max(most, time)) + stepMs;
  const at = (timeMs: number) =>
    left + ((Math.min(timeMs, toMs) - fromMs) / (toMs - fromMs)) * (width - left - right);
  const rows = machines.map((machine, index) => rowSvg(machine, top + index * rowHeight, at, stepMs));
  const bottom = top + machines.length * rowHeight;
  const labels = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const timeMs = fromMs + share * (toMs - fromMs);
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    return `<text x="${px(at(timeMs))}" y="${bottom + 16}" text-anchor="${anchor}">${formatTime(timeMs).slice(0, 10)}</text>`;
  });
  return `<svg class="timeline" viewBox="0 0 ${width} ${bottom + 24}" role="img" aria-label="Forecasts, alerts and failures by machine">${rows.join('')}${labels.join('')}</svg>`;
}

function rowSvg(
  { machine, forecasts, alerts, failuresMs }: TimelineMachine,
  y: number,
  at: (timeMs: number) => number,
  stepMs: number,
): string {
  const cells = runsOf(forecasts, stepMs).map(({ fromMs, toMs, shade }) => {
    const look = shade === null ? 'class="unknown"' : `class="said" fill-opacity="${shade / shades}"`;
    return `<rect ${look} x="${px(at(fromMs))}" y="${y + 2}" width="${px(at(toMs) - at(fromMs))}" height="8"/>`;
  });
  const stood = alerts.map(
    ({ fromMs, toMs }) =>
      `<rect class="alerted" x="${px(at(fromMs))}" y="${y + 10}" width="${px(Math.max(2, at(toMs) - at(fromMs)))}" height="3"/>`,
  );
  const failed = failuresMs.map((timeMs) => {
    const x = at(timeMs);
    const cross = `M${px(x - 4)} ${y + 2}L${px(x + 4)} ${y + 10}M${px(x + 4)} ${y + 2}L${px(x - 4)} ${y + 10}`;
    return `<path class="halo" d="${cross}"/><path class="failed" d="${cross}"/>`;
  });
  return `<text x="${left - 8}" y="${y + 11}" text-anchor="end">${escapeHtml(machine)}</text>${cells.join('')}${stood.join('')}${failed.join('')}`;
}

interface Run {
  readonly fromMs: number;
  toMs: number;
  readonly shade: number | null;
}

/** Neighbours of one shade as one; of shade 0 none. */
function runsOf(forecasts: TimelineMachine['forecasts'], stepMs: number): Run[] {
  const runs: Run[] = [];
  forecasts.forEach(({ originMs, probability }, index) => {
    const shade = probability === null ? null : Math.round(probability * shades);
    const toMs = Math.min(originMs + stepMs, forecasts[index + 1]?.originMs ?? Number.POSITIVE_INFINITY);
    const last = runs.at(-1);
    if (last && last.toMs === originMs && last.shade === shade) last.toMs = toMs;
    else runs.push({ fromMs: originMs, toMs, shade });
  });
  return runs.filter(({ shade }) => shade !== 0);
}

const px = (value: number) => value.toFixed(1);

/** For the style sheet of the page that holds it. */
export const timelineStyle =
  '.timeline{width:100%;min-width:900px}.said{fill:var(--c1)}.unknown{fill:var(--grid)}.alerted{fill:var(--c2)}.failed{stroke:var(--text);stroke-width:2}.halo{stroke:var(--surface);stroke-width:5}';
