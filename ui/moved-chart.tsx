import { useCallback } from 'preact/hooks';
import type { MachineTypeWire, MovedWire } from '../infra/http/wire.js';
import { Canvas } from './canvas.js';
import { chance, stepTime } from './format.js';
import type { Theme } from './theme.js';

const margin = { left: 46, right: 12, top: 10, bottom: 20 };

/** How the forecast for one step moved: time of issue against what was said then. */
export function MovedChart(props: {
  readonly moved: MovedWire;
  readonly type: MachineTypeWire;
  readonly theme: Theme;
}) {
  const { moved, type, theme } = props;
  const draw = useCallback(
    (context: CanvasRenderingContext2D, widthPx: number, heightPx: number) => {
      context.clearRect(0, 0, widthPx, heightPx);
      const { points } = moved;
      const first = points[0];
      const last = points.at(-1);
      if (!first || !last) return;
      const spanMs = Math.max(type.stepMs, last.originMs - first.originMs);
      const x = (timeMs: number) =>
        margin.left + ((timeMs - first.originMs) / spanMs) * (widthPx - margin.left - margin.right);
      const y = (probability: number) =>
        margin.top + (1 - probability) * (heightPx - margin.top - margin.bottom);
      context.font = '12px system-ui, sans-serif';
      context.strokeStyle = theme.grid;
      context.fillStyle = theme.muted;
      context.textBaseline = 'middle';
      context.textAlign = 'right';
      for (const level of [0, 0.5, 1]) {
        context.beginPath();
        context.moveTo(margin.left, y(level));
        context.lineTo(widthPx - margin.right, y(level));
        context.stroke();
        context.fillText(`${level * 100} %`, margin.left - 6, y(level));
      }
      context.textBaseline = 'bottom';
      context.textAlign = 'left';
      context.fillText(stepTime(first.originMs, type), margin.left, heightPx);
      context.textAlign = 'right';
      context.fillText(stepTime(last.originMs, type), widthPx - margin.right, heightPx);
      context.strokeStyle = theme.curve;
      context.lineWidth = 2;
      context.lineJoin = 'round';
      context.beginPath();
      let previousMs = Number.NEGATIVE_INFINITY;
      for (const point of points) {
        // A step without a forecast is a gap, not a slope.
        if (point.originMs - previousMs > 1.5 * type.stepMs)
          context.moveTo(x(point.originMs), y(point.probability));
        else context.lineTo(x(point.originMs), y(point.probability));
        previousMs = point.originMs;
      }
      context.stroke();
      context.fillStyle = theme.curve;
      context.beginPath();
      context.arc(x(last.originMs), y(last.probability), 4, 0, 2 * Math.PI);
      context.fill();
    },
    [moved, type.stepMs, type.timeZone, theme],
  );
  const words = moved.points.map((point) => `${stepTime(point.originMs, type)} ${chance(point.probability)}`);
  return <Canvas heightPx={150} label={`As forecast on: ${words.join(', ')}`} draw={draw} />;
}
