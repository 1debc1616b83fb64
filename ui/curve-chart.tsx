import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { EventWire, ForecastWire, MachineTypeWire, RuleThreshold } from '../infra/http/wire.js';
import { chance, percent, stepEnd, steps } from './format.js';
import type { Theme } from './theme.js';

const font = '12px system-ui, sans-serif';

export interface CurveChartProps {
  readonly forecast: ForecastWire;
  /** Newest first. */
  readonly previous: readonly ForecastWire[];
  readonly rules: readonly RuleThreshold[];
  readonly events: readonly EventWire[];
  readonly type: MachineTypeWire;
  readonly theme: Theme;
  /** Day ahead that other charts follow. */
  readonly targetDay: number;
  readonly onTargetDay: (day: number) => void;
}

/**
 * Days ahead against the probability of having failed by then. The x axis counts days from the origin, so that a
 * curve of an earlier origin lies where it spoke of the same days.
 */
export function CurveChart(props: CurveChartProps) {
  const placeRef = useRef<HTMLDivElement>(null);
  const current = useRef(props);
  current.current = props;
  const chartRef = useRef<uPlot | undefined>(undefined);
  const { theme, type } = props;
  const seriesCount = props.previous.length;

  useEffect(() => {
    const place = placeRef.current;
    if (!place) return;
    const chart = new uPlot(
      makeOptions(current, seriesCount, place.clientWidth),
      makeData(current.current),
      place,
    );
    chartRef.current = chart;
    const onClick = () => {
      const day = chart.cursor.idx;
      if (typeof day === 'number' && day >= 1) current.current.onTargetDay(day);
    };
    chart.over.addEventListener('click', onClick);
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: place.clientWidth, height: place.clientHeight }),
    );
    observer.observe(place);
    return () => {
      observer.disconnect();
      chart.destroy();
      chartRef.current = undefined;
    };
  }, [theme, seriesCount, type.stepMs, type.timeZone, type.horizonSteps]);

  useEffect(() => {
    chartRef.current?.setData(makeData(props), false);
    chartRef.current?.redraw(false, true);
  }, [props.forecast, props.previous, props.targetDay, props.rules, props.events]);

  return (
    <div
      ref={placeRef}
      class="curve-chart"
      role="img"
      aria-label={`Failure curve: ${[7, 14, 30].map((day) => `${chance(props.forecast.probabilities[day - 1] ?? 1)} within ${steps(day, type.stepMs)}`).join(', ')}`}
    />
  );
}

/** x = 0..H; the newest curve last, so that it lies on top. F_0 = 0 by definition for the newest only. */
function makeData({ forecast, previous, type }: CurveChartProps): uPlot.AlignedData {
  const days = Array.from({ length: type.horizonSteps + 1 }, (_, day) => day);
  const curveOf = (earlier: ForecastWire) => {
    const lag = Math.round((forecast.originMs - earlier.originMs) / type.stepMs);
    return days.map((day) => {
      const ahead = day + lag;
      return ahead === 0 ? 0 : (earlier.probabilities[ahead - 1] ?? null);
    });
  };
  return [days, ...[...previous].reverse().map(curveOf), curveOf(forecast)];
}

function makeOptions(
  current: { current: CurveChartProps },
  previousCount: number,
  width: number,
): uPlot.Options {
  const { theme, type } = current.current;
  const axis = {
    stroke: theme.muted,
    font,
    grid: { stroke: theme.grid, width: 1 },
    ticks: { show: false },
  };
  const older = Array.from({ length: previousCount }, (_, index): uPlot.Series => {
    const newness = (index + 1) / (previousCount + 1);
    return {
      stroke: theme.muted,
      width: 1,
      alpha: 0.15 + 0.55 * newness * newness,
      points: { show: false },
    };
  });
  return {
    width,
    height: 340,
    legend: { show: false },
    padding: [20, 16, 0, 0],
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { show: (self, index) => (index === previousCount + 1 ? dot(theme.curve) : hiddenDot(self)) },
    },
    scales: { x: { time: false, range: [0, type.horizonSteps] }, y: { range: [0, 1] } },
    axes: [
      {
        ...axis,
        size: type.stepMs % 86_400_000 === 0 ? 44 : 60,
        incrs: [1, 2, 7, 14],
        space: 48,
        values: (_chart, days) =>
          days.map((day) => {
            const { forecast } = current.current;
            if (day === 0) return 'origin';
            return `+${day}\n${stepEnd(forecast.originMs, day, type).replace(', ', '\n')}`;
          }),
      },
      {
        ...axis,
        size: 52,
        incrs: [0.25],
        values: (_chart, values) => values.map((value) => `${Math.round(value * 100)} %`),
      },
    ],
    series: [
      {},
      ...older,
      { stroke: theme.curve, width: 2.5, fill: `${theme.curve}16`, points: { show: false } },
    ],
    hooks: {
      draw: [(chart) => drawMarks(chart, current.current)],
      setCursor: [(chart) => showReadout(chart, current.current)],
    },
  };
}

function dot(color: string): HTMLElement {
  const element = document.createElement('div');
  element.className = 'curve-dot';
  element.style.background = color;
  return element;
}

function hiddenDot(_chart: uPlot): HTMLElement {
  const element = document.createElement('div');
  element.className = 'curve-dot none';
  return element;
}

/** What the pointer is at, in words, in the corner of the chart. */
function showReadout(chart: uPlot, { forecast, type }: CurveChartProps): void {
  const day = chart.cursor.idx;
  const known = chart.over.querySelector('.curve-readout');
  const readout = known ?? document.createElement('div');
  if (!known) {
    readout.className = 'curve-readout';
    chart.over.append(readout);
  }
  const probability = typeof day === 'number' ? forecast.probabilities[day - 1] : undefined;
  readout.textContent =
    typeof day === 'number' && probability !== undefined
      ? `${chance(probability)} by ${stepEnd(forecast.originMs, day, type)} (${steps(day, type.stepMs)})`
      : '';
}

/** Thresholds as an L that the curve must not climb over, the expected day, the followed day, a known failure. */
function drawMarks(chart: uPlot, props: CurveChartProps): void {
  const { forecast, rules, events, theme, type, targetDay } = props;
  const context = chart.ctx;
  const ratio = devicePixelRatio || 1;
  const x = (day: number) => chart.valToPos(day, 'x', true);
  const y = (probability: number) => chart.valToPos(probability, 'y', true);
  const line = (fromX: number, fromY: number, toX: number, toY: number, dash: readonly number[]) => {
    context.setLineDash(dash.map((length) => length * ratio));
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    context.stroke();
  };
  context.save();
  context.font = `${12 * ratio}px system-ui, sans-serif`;
  context.lineWidth = 1.5 * ratio;
  const vertical = (day: number, text: string, color: string, dash: readonly number[]) => {
    context.strokeStyle = color;
    line(x(day), y(0), x(day), y(1), dash);
    context.fillStyle = color;
    context.textAlign =
      day > type.horizonSteps * 0.8 ? 'right' : day < type.horizonSteps * 0.12 ? 'left' : 'center';
    context.textBaseline = 'bottom';
    context.fillText(text, x(day), y(1) - 4 * ratio);
  };
  if (targetDay !== forecast.expectedDay && targetDay >= 1 && targetDay <= type.horizonSteps) {
    context.lineWidth = 1 * ratio;
    vertical(targetDay, '', theme.accent, [2, 3]);
    context.lineWidth = 1.5 * ratio;
  }
  if (forecast.expectedDay !== null) {
    const when = stepEnd(forecast.originMs, forecast.expectedDay, type);
    vertical(forecast.expectedDay, `expected ${when}`, theme.text, [6, 4]);
  }
  for (const event of events) {
    const day = (event.eventTimeMs - forecast.originMs) / type.stepMs;
    if (event.event === 'failure' && day > 0 && day <= type.horizonSteps)
      vertical(day, 'failed', theme.critical, []);
  }
  for (const { days, set, severity } of rules) {
    if (days > type.horizonSteps) continue;
    context.strokeStyle = severity === 'critical' ? theme.critical : theme.warning;
    context.fillStyle = context.strokeStyle;
    line(x(0), y(set), x(days), y(set), [5, 4]);
    context.textAlign = 'left';
    context.textBaseline = 'bottom';
    label(
      context,
      `${severity} from ${percent(set)} within ${steps(days, type.stepMs)}`,
      x(0) + 6 * ratio,
      y(set) - 3 * ratio,
      theme,
      ratio,
    );
    context.setLineDash([]);
    context.beginPath();
    context.arc(x(days), y(set), 4 * ratio, 0, 2 * Math.PI);
    context.fill();
  }
  context.restore();
}

function label(
  context: CanvasRenderingContext2D,
  text: string,
  left: number,
  bottom: number,
  theme: Theme,
  ratio: number,
): void {
  const color = context.fillStyle;
  context.globalAlpha = 0.8;
  context.fillStyle = theme.surface;
  context.fillRect(
    left - 3 * ratio,
    bottom - 15 * ratio,
    context.measureText(text).width + 6 * ratio,
    17 * ratio,
  );
  context.globalAlpha = 1;
  context.fillStyle = color;
  context.fillText(text, left, bottom);
}
