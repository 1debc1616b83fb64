import { useCallback } from 'preact/hooks';
import type { ForecastWire } from '../infra/http/wire.js';
import { Canvas, hatch } from './canvas.js';
import { chance, curveWords, steps } from './format.js';
import type { Theme } from './theme.js';

export const stripHeightPx = 22;

/** A forecast as a row of cells, one a step; a wider gap after each seventh; the expected day has a notch. */
export function Strip(props: {
  readonly forecast: ForecastWire;
  readonly horizon: number;
  readonly stepMs: number;
  readonly theme: Theme;
}) {
  const { forecast, horizon, stepMs, theme } = props;
  const { probabilities, expectedDay } = forecast;
  const draw = useCallback(
    (context: CanvasRenderingContext2D, widthPx: number, heightPx: number) => {
      context.clearRect(0, 0, widthPx, heightPx);
      if (probabilities.length === 0) {
        hatch(context, [0, 2, widthPx, heightPx - 4], theme.hatch);
        return;
      }
      for (let day = 1; day <= horizon; day++) {
        const [left, right] = cellEdges(day, horizon, widthPx);
        const probability = probabilities[day - 1];
        if (probability === undefined) continue;
        context.fillStyle = theme.risk(probability);
        context.fillRect(left, 2, right - left, heightPx - 4);
        if (day === expectedDay) {
          context.fillStyle = theme.text;
          context.fillRect(left, 0, right - left, 2);
          context.fillRect(left, heightPx - 2, right - left, 2);
        }
      }
    },
    [probabilities, expectedDay, horizon, theme],
  );
  return <Canvas heightPx={stripHeightPx} label={describe(forecast, stepMs)} draw={draw} />;
}

/** Left and right edge of a step's cell, whole pixels, one pixel apart, two after each seventh. */
export function cellEdges(day: number, horizon: number, widthPx: number): readonly [number, number] {
  const left = Math.round(((day - 1) / horizon) * widthPx);
  const right = Math.round((day / horizon) * widthPx);
  return [left, right - (day === horizon ? 0 : day % 7 === 0 ? 3 : 1)];
}

function describe({ probabilities, reason, curve }: ForecastWire, stepMs: number): string {
  if (probabilities.length === 0) return `cannot be assessed: ${reason}`;
  const parts = [1, 7, 14, 30]
    .filter((day) => day <= probabilities.length)
    .map((day) => `${chance(probabilities[day - 1] ?? 0)} within ${steps(day, stepMs)}`);
  return `${curveWords[curve].probability}: ${parts.join(', ')}`;
}
