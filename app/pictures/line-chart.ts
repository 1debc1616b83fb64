/** A line chart as SVG text: no script, no font, no file beside it. */

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** CSS class, which gives the colour; each class has its own dash too. */
  readonly look: 'first' | 'second' | 'third' | 'fourth' | 'reference';
  /** Dots at the points, of this radius each. */
  readonly radii?: readonly number[];
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  readonly yRange?: readonly [low: number, high: number];
  readonly xRange?: readonly [low: number, high: number];
}

const [width, height] = [440, 260];
const [left, right, top, bottom] = [56, 16, 16, 44];

export function lineChart({ title, xLabel, yLabel, series, ...ranges }: LineChart): string {
  const all = series.flatMap(({ points }) => points);
  const [xLow, xHigh] = ranges.xRange ?? extent(all.map(([x]) => x));
  const [yLow, yHigh] = ranges.yRange ?? extent(all.map(([, y]) => y));
  const atX = (x: number) => left + ((x - xLow) / (xHigh - xLow)) * (width - left - right);
  const atY = (y: number) => height - bottom - ((y - yLow) / (yHigh - yLow)) * (height - top - bottom);
  const xTicks = ticks(xLow, xHigh).map(
    (x) => `<text x="${px(atX(x))}" y="${height - bottom + 16}" text-anchor="middle">${x}</text>`,
  );
  const yTicks = ticks(yLow, yHigh).map(
    (y) =>
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${px(atY(y))}" y2="${px(atY(y))}"/>` +
      `<text x="${left - 6}" y="${px(atY(y) + 4)}" text-anchor="end">${y}</text>`,
  );
  const lines = series.map(({ points, look, radii }) => {
    const path = points
      .map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${px(atX(x))} ${px(atY(y))}`)
      .join('');
    const dots = points
      .map(
        ([x, y], index) =>
          `<circle class="${look}" cx="${px(atX(x))}" cy="${px(atY(y))}" r="${radii?.[index]}"/>`,
      )
      .join('');
    return `<path class="${look}" d="${path}"/>${radii ? dots : ''}`;
  });
  const named = series.filter(({ name }) => name !== '');
  const legend = named.map(
    ({ name, look }) =>
      `<span class="key"><svg width="24" height="8"><path class="${look}" d="M0 4H24"/></svg> ${escapeHtml(name)}</span>`,
  );
  return `<figure><figcaption>${escapeHtml(title)}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">${yTicks.join('')}${xTicks.join('')}<g>${lines.join('')}</g><text x="${(left + width - right) / 2}" y="${height - 8}" text-anchor="middle">${escapeHtml(xLabel)}</text><text transform="translate(12 ${(height - bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(yLabel)}</text></svg><div class="legend">${legend.join('')}</div></figure>`;
}

/** For the style sheet of whatever page holds a chart. */
export const chartStyle = `figure{margin:0;min-width:0}figcaption{font-weight:600;margin-bottom:4px}
svg text{font-size:11px;fill:var(--muted)}.grid{stroke:var(--grid)}path,circle{fill:none;stroke-width:2;stroke-linejoin:round}
.first{stroke:var(--c1)}.second{stroke:var(--c2);stroke-dasharray:6 3}.third{stroke:var(--c3);stroke-dasharray:2 3}.fourth{stroke:var(--c4);stroke-dasharray:9 3 2 3}
.reference{stroke:var(--muted);stroke-dasharray:1 4}circle[class]{stroke-dasharray:none;fill:var(--surface)}
.legend{font-size:12px;color:var(--muted);display:flex;gap:16px;flex-wrap:wrap}.key svg{vertical-align:middle}`;

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

const px = (value: number) => value.toFixed(1);

/** A little room above and below; never of no width. */
function extent(values: readonly number[]): readonly [number, number] {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite, Infinity);
  const high = Math.max(...finite, -Infinity);
  if (low > high) return [0, 1];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

/** Round values in [low, high], about five. */
function ticks(low: number, high: number): number[] {
  const raw = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((each) => each * power >= raw) ?? 10) * power;
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const found: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * step; at++)
    found.push(Number((at * step).toFixed(digits)));
  return found;
}
