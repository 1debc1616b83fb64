import { useCallback, useMemo } from 'preact/hooks';
import { remarkKinds } from '../domain/input.js';
import type { LimitPassing } from '../domain/values.js';
import type { EventWire, MachineTypeWire, MachineWire, SensorWire } from '../infra/http/wire.js';
import { Canvas, hatch } from './canvas.js';
import { count, quantity, stepName, steps, stepTime } from './format.js';
import type { Theme } from './theme.js';

/** Every sensor over the window: mean and range of each step, gaps as gaps; what happened as ticks below. */
export function SensorCharts(props: {
  readonly data: MachineWire;
  readonly type: MachineTypeWire;
  readonly theme: Theme;
}) {
  const { data, type, theme } = props;
  const first = data.steps[0];
  const last = data.steps.at(-1);
  if (!first || !last) return <p class="muted">No step has closed yet.</p>;
  return (
    <>
      <div class="sensor-grid">
        {data.sensors.map((sensor) => (
          <SensorChart key={sensor.name} sensor={sensor} data={data} stepMs={type.stepMs} theme={theme} />
        ))}
      </div>
      <p class="caption">
        {stepTime(first.startMs, type)} to {stepTime(last.startMs, type)} · line: mean of the step · band: its
        lowest and highest reading · hatched: stuck · dots: out of physical range · ticks below: ◆
        maintenance, ! error, ✕ failure
        {data.values && ' · dashed: forecast median · pale: where 80 % are expected'}
      </p>
    </>
  );
}

const plotBottomPx = 14;

function SensorChart(props: {
  readonly sensor: SensorWire;
  readonly data: MachineWire;
  readonly stepMs: number;
  readonly theme: Theme;
}) {
  const { sensor, data, stepMs, theme } = props;
  const passings = (data.values?.passings ?? []).filter((passing) => passing.sensor === sensor.name);
  const draw = useCallback(
    (context: CanvasRenderingContext2D, widthPx: number, heightPx: number) =>
      drawSensor(context, { widthPx, heightPx: heightPx - plotBottomPx, sensor, data, theme }),
    [sensor, data, theme],
  );
  const known = useMemo(() => sensor.means.filter((mean) => mean !== null), [sensor]);
  const newest = sensor.means.at(-1);
  const missing = sensor.means.length - known.length;
  const words =
    known.length === 0
      ? 'no readings'
      : `from ${quantity(known[0] ?? 0, sensor.unit)} to ${quantity(known.at(-1) ?? 0, sensor.unit)}; ${count(missing, stepName(stepMs))} without readings`;
  return (
    <figure class="sensor">
      <figcaption>
        <span class="sensor-name">{sensor.name}</span>
        {newest === null || newest === undefined ? (
          <span class="sensor-silent">silent</span>
        ) : (
          <span class="sensor-value">{quantity(newest, sensor.unit)}</span>
        )}
      </figcaption>
      <Canvas heightPx={78} label={`${sensor.name}: ${words}`} draw={draw} />
      {passings.map((passing) => (
        <p class="sensor-passing" key={passing.side}>
          {describePassing(passing, sensor.unit, stepMs)}
        </p>
      ))}
    </figure>
  );
}

interface SensorPicture {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly sensor: SensorWire;
  readonly data: MachineWire;
  readonly theme: Theme;
}

function drawSensor(context: CanvasRenderingContext2D, picture: SensorPicture): void {
  const { widthPx, heightPx, sensor, data, theme } = picture;
  const ahead = data.values?.sensors.find((each) => each.sensor === sensor.name);
  const columns = shownColumns(data);
  context.clearRect(0, 0, widthPx, heightPx + plotBottomPx);
  const present = (value: number | null): value is number => value !== null;
  const lowest = Math.min(...sensor.lows.filter(present), ...(ahead?.low ?? []));
  const highest = Math.max(...sensor.highs.filter(present), ...(ahead?.high ?? []));
  const room = highest - lowest || Math.abs(highest) * 0.01 || 1;
  const x = (index: number) => ((index + 0.5) / columns) * widthPx;
  const y = (value: number) => 4 + (1 - (value - lowest) / room) * (heightPx - 8);
  const cell = widthPx / columns;

  context.fillStyle = theme.grid;
  context.fillRect(0, heightPx, widthPx, 1);
  for (const [index, stuck] of sensor.stuck.entries())
    if (stuck) hatch(context, [x(index) - cell / 2, 0, cell, heightPx], theme.hatch, 5);

  for (const [from, to] of runs(sensor.means)) {
    context.fillStyle = `${theme.accent}2e`;
    context.beginPath();
    if (from === to)
      context.rect(
        x(from) - 1.5,
        y(sensor.highs[from] ?? 0),
        3,
        y(sensor.lows[from] ?? 0) - y(sensor.highs[from] ?? 0),
      );
    for (let index = from; index <= to; index++) context.lineTo(x(index), y(sensor.highs[index] ?? 0));
    for (let index = to; index >= from; index--) context.lineTo(x(index), y(sensor.lows[index] ?? 0));
    context.fill();
    context.strokeStyle = theme.accent;
    context.fillStyle = theme.accent;
    context.lineWidth = 1.5;
    context.lineJoin = 'round';
    context.beginPath();
    if (from === to) context.fillRect(x(from) - 1.5, y(sensor.means[from] ?? 0) - 1.5, 3, 3);
    for (let index = from; index <= to; index++) context.lineTo(x(index), y(sensor.means[index] ?? 0));
    context.stroke();
  }
  if (ahead) {
    const at = (index: number) => x(data.steps.length + index);
    context.fillStyle = `${theme.accent}1c`;
    context.beginPath();
    for (const [index, high] of ahead.high.entries()) context.lineTo(at(index), y(high));
    for (const [index, low] of [...ahead.low.entries()].reverse()) context.lineTo(at(index), y(low));
    context.fill();
    context.strokeStyle = theme.accent;
    context.setLineDash([3, 3]);
    context.beginPath();
    for (const [index, median] of ahead.median.entries()) context.lineTo(at(index), y(median));
    context.stroke();
    context.strokeStyle = theme.warning;
    for (const { sensor: name, limit } of data.values?.passings ?? []) {
      if (name !== sensor.name) continue;
      context.beginPath();
      context.moveTo(0, y(limit));
      context.lineTo(widthPx, y(limit));
      context.stroke();
    }
    context.setLineDash([]);
  }
  context.fillStyle = theme.critical;
  for (const [index, outOfRange] of sensor.outOfRangeCounts.entries()) {
    if (outOfRange === 0) continue;
    context.beginPath();
    context.arc(x(index), 4, 2.5, 0, 2 * Math.PI);
    context.fill();
  }
  drawEvents(context, data, theme, widthPx, heightPx + plotBottomPx - 1, columns);
}

/** Columns of a sensor's chart: the steps shown, and those ahead where they are forecast. */
function shownColumns({ steps, values }: MachineWire): number {
  return steps.length + (values?.sensors[0]?.median.length ?? 0);
}

/** Such as "rises above 7.10 mm/s in about 12 d (8 d to 19 d)". */
function describePassing(passing: LimitPassing, unit: string, stepMs: number): string {
  const { side, limit, day, earliestDay, latestDay } = passing;
  const what = `${side === 'above' ? 'rises above' : 'falls below'} ${quantity(limit, unit)}`;
  const earliest = steps(earliestDay ?? 1, stepMs);
  if (day === null) return `may reach its limit: ${what} from ${earliest} on, at the earliest`;
  const latest = latestDay === null ? 'later than forecast' : steps(latestDay, stepMs);
  return `${what} in about ${steps(day, stepMs)} (${earliest} to ${latest})`;
}

/** First and last index of each stretch without a null. */
function runs(values: readonly (number | null)[]): (readonly [number, number])[] {
  const found: [number, number][] = [];
  let open: [number, number] | undefined;
  for (const [index, value] of values.entries()) {
    if (value === null) open = undefined;
    else if (open) open[1] = index;
    else {
      open = [index, index];
      found.push(open);
    }
  }
  return found;
}

export function signOf(event: EventWire): string {
  return (
    {
      error: '!',
      maintenance: '◆',
      failure: '✕',
      retired: '■',
      acknowledge: '✓',
      assign: '→',
      comment: '“',
      feedback: '✎',
    } as const
  )[event.event];
}

/** Signs along the axis of the steps, at `bottomPx`; the axis has `columns` steps, of which the first are those shown. */
export function drawEvents(
  context: CanvasRenderingContext2D,
  data: MachineWire,
  theme: Theme,
  widthPx: number,
  bottomPx: number,
  columns: number = data.steps.length,
): void {
  const steps = data.steps;
  context.font = 'bold 10px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'bottom';
  for (const event of data.events) {
    if (remarkKinds.has(event.event)) continue;
    const index = steps.findIndex(
      (step) => event.eventTimeMs >= step.startMs && event.eventTimeMs < step.endMs,
    );
    if (index < 0) continue;
    context.fillStyle =
      event.event === 'maintenance' ? theme.accent : event.event === 'error' ? theme.warning : theme.critical;
    context.fillText(signOf(event), ((index + 0.5) / columns) * widthPx, bottomPx);
  }
}
