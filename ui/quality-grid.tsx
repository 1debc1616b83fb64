import { useCallback, useState } from 'preact/hooks';
import type { MachineTypeWire, MachineWire } from '../infra/http/wire.js';
import { Canvas, hatch } from './canvas.js';
import { percent, stepTime } from './format.js';
import type { Theme } from './theme.js';

export const qualityRowPx = 16;

/** Sensors × steps: how much of what was expected came. Hatched: nothing; a bar: stuck; a dot: out of range. */
export function QualityGrid(props: {
  readonly data: MachineWire;
  readonly type: MachineTypeWire;
  readonly theme: Theme;
}) {
  const { data, type, theme } = props;
  const [words, setWords] = useState('');
  const stepCount = data.steps.length;
  const draw = useCallback(
    (context: CanvasRenderingContext2D, widthPx: number, heightPx: number) => {
      context.clearRect(0, 0, widthPx, heightPx);
      for (const [row, sensor] of data.sensors.entries())
        for (const [index, coverage] of sensor.coverage.entries()) {
          const left = Math.round((index / stepCount) * widthPx);
          const width = Math.round(((index + 1) / stepCount) * widthPx) - left - 1;
          const top = row * qualityRowPx;
          if (coverage === 0) hatch(context, [left, top, width, qualityRowPx - 1], theme.hatch, 4);
          else {
            context.fillStyle = theme.coverage(coverage);
            context.fillRect(left, top, width, qualityRowPx - 1);
          }
          if (sensor.stuck[index]) {
            context.fillStyle = theme.surface;
            context.fillRect(left + 2, top + qualityRowPx / 2 - 1.5, width - 4, 2);
          }
          if ((sensor.outOfRangeCounts[index] ?? 0) > 0) {
            context.fillStyle = theme.warning;
            context.fillRect(left + width / 2 - 2, top + qualityRowPx / 2 - 2.5, 4, 4);
          }
        }
    },
    [data, stepCount, theme],
  );
  const onPointerMove = (event: PointerEvent) => {
    if (!(event.currentTarget instanceof HTMLElement)) return;
    const index = Math.floor((event.offsetX / event.currentTarget.clientWidth) * stepCount);
    const sensor = data.sensors[Math.floor(event.offsetY / qualityRowPx)];
    const step = data.steps[index];
    if (!sensor || !step) return;
    const coverage = sensor.coverage[index] ?? 0;
    const flaws = [
      coverage === 0 ? 'no reading' : `${percent(coverage)} of the expected readings`,
      sensor.stuck[index] ? 'stuck' : '',
      (sensor.outOfRangeCounts[index] ?? 0) > 0 ? `${sensor.outOfRangeCounts[index]} out of range` : '',
    ];
    setWords(`${sensor.name}, ${stepTime(step.startMs, type)}: ${flaws.filter(Boolean).join(', ')}`);
  };
  const first = data.steps[0];
  const last = data.steps.at(-1);
  if (!first || !last) return <p class="muted">No step has closed yet.</p>;
  const worst = data.sensors
    .map((sensor) => ({ name: sensor.name, silent: sensor.coverage.filter((value) => value === 0).length }))
    .filter(({ silent }) => silent > 0)
    .map(({ name, silent }) => `${name} silent in ${silent} of ${stepCount} steps`);
  return (
    <>
      <div class="quality-grid">
        <ul class="quality-names">
          {data.sensors.map((sensor) => (
            <li key={sensor.name}>{sensor.name}</li>
          ))}
        </ul>
        <div>
          <Canvas
            heightPx={Math.max(1, data.sensors.length) * qualityRowPx}
            label={`Share of expected readings by sensor and step. ${worst.join('; ') || 'Every sensor spoke in every step.'}`}
            draw={draw}
            onPointerMove={onPointerMove}
            onPointerLeave={() => setWords('')}
          />
          <div class="quality-axis">
            <span>{stepTime(first.startMs, type)}</span>
            <span>{stepTime(last.startMs, type)}</span>
          </div>
        </div>
      </div>
      <p class="caption" aria-hidden="true">
        {words ||
          'stronger colour: more of the expected readings · hatched: none · bar: stuck · dot: out of physical range'}
      </p>
    </>
  );
}
