import { useCallback, useMemo, useState } from 'preact/hooks';
import { explainedGroups } from '../infra/http/present.js';
import type { ExplanationWire, ForecastWire, MachineTypeWire } from '../infra/http/wire.js';
import { Canvas } from './canvas.js';
import { explanationApiPath } from './client.js';
import { stepEnd, stepName } from './format.js';
import { useKeys } from './keyboard.js';
import { qualityRowPx } from './quality-grid.js';
import type { Theme } from './theme.js';
import { useReloading } from './use-reloading.js';

/** Why the forecast is what it is; asked for only when somebody wants to know. */
export function WhyCard(props: {
  readonly machine: string;
  readonly atText: string;
  readonly day: number;
  readonly forecast: ForecastWire;
  readonly type: MachineTypeWire;
  readonly theme: Theme;
}) {
  const { machine, atText, day, forecast, type, theme } = props;
  const [open, setOpen] = useState(false);
  useKeys({ w: () => setOpen((before) => !before) });
  const at = atText === '' ? '' : `&at=${encodeURIComponent(atText)}`;
  const path = open ? `${explanationApiPath(machine)}?day=${day}${at}` : undefined;
  const { data, failure } = useReloading<ExplanationWire>(path, `${forecast.originMs}/${forecast.revision}`);
  return (
    <div class="card">
      <div class="card-head">
        <h2>
          Why: what raised and lowered the probability of {stepName(type.stepMs)} {day}
        </h2>
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <kbd>w</kbd> {open ? 'close' : 'explain'}
        </button>
      </div>
      {!open && (
        <p class="muted">Which sensor, in which {stepName(type.stepMs)}, compared with an average machine.</p>
      )}
      {open && !data && failure === '' && (
        <p class="muted" aria-busy="true">
          Working it out…
        </p>
      )}
      {open && failure !== '' && (
        <p class="form-error" role="alert">
          {failure}
        </p>
      )}
      {open && data && <WhyStrips explanation={data} type={type} theme={theme} />}
    </div>
  );
}

/** Sensors × days: warm raised the probability, blue with a bar lowered it. */
function WhyStrips(props: {
  readonly explanation: ExplanationWire;
  readonly type: MachineTypeWire;
  readonly theme: Theme;
}) {
  const { explanation, type, theme } = props;
  const [words, setWords] = useState('');
  const groups = useMemo(() => explainedGroups(explanation), [explanation]);
  const largest = useMemo(
    () => Math.max(...groups.flatMap(({ attributions }) => attributions.map(Math.abs)), 1e-12),
    [groups],
  );
  const { stepEndsMs } = explanation;
  const draw = useCallback(
    (context: CanvasRenderingContext2D, widthPx: number, heightPx: number) => {
      context.clearRect(0, 0, widthPx, heightPx);
      for (const [row, { attributions }] of groups.entries())
        for (const [index, value] of attributions.entries()) {
          const left = Math.round((index / stepEndsMs.length) * widthPx);
          const width = Math.round(((index + 1) / stepEndsMs.length) * widthPx) - left - 1;
          const top = row * qualityRowPx;
          const strength = Math.abs(value) / largest;
          context.fillStyle = value > 0 ? theme.risk(0.85 * strength) : theme.coverage(strength);
          context.fillRect(left, top, width, qualityRowPx - 1);
          if (value < 0 && strength > 0.1) {
            context.fillStyle = theme.text;
            context.fillRect(left + 1, top + qualityRowPx / 2 - 1, width - 2, 1);
          }
        }
    },
    [groups, largest, stepEndsMs, theme],
  );
  const onPointerMove = (event: PointerEvent) => {
    if (!(event.currentTarget instanceof HTMLElement)) return;
    const index = Math.floor((event.offsetX / event.currentTarget.clientWidth) * stepEndsMs.length);
    const group = groups[Math.floor(event.offsetY / qualityRowPx)];
    const endMs = stepEndsMs[index];
    const value = group?.attributions[index];
    if (!group || endMs === undefined || value === undefined) return;
    const read = explanation.features
      .filter((feature) => feature.group === group.group)
      .map(({ name, unit, values }) => `${name} ${values[index] ?? 'missing'} ${unit}`.trim());
    const shown = read.length > 4 ? `${read.slice(0, 4).join(', ')}, …` : read.join(', ');
    setWords(`${stepEnd(endMs, 0, type)}: ${signed(value)} (${shown})`);
  };
  return (
    <>
      <ul class="why-words">
        {explanation.words.map((sentence) => (
          <li key={sentence}>{sentence}.</li>
        ))}
      </ul>
      <div class="quality-grid">
        <ul class="quality-names">
          {groups.map(({ group, total }) => (
            <li key={group}>
              {group} <span class="why-total">{signed(total)}</span>
            </li>
          ))}
        </ul>
        <div>
          <Canvas
            heightPx={Math.max(1, groups.length) * qualityRowPx}
            label={`What moved the probability, by sensor and step: ${explanation.words.join('; ')}.`}
            draw={draw}
            onPointerMove={onPointerMove}
            onPointerLeave={() => setWords('')}
          />
          <div class="quality-axis">
            <span>{stepEnd(stepEndsMs[0] ?? 0, 0, type)}</span>
            <span>{stepEnd(stepEndsMs.at(-1) ?? 0, 0, type)}</span>
          </div>
        </div>
      </div>
      <p class="caption" aria-hidden="true">
        {words || `warm: raised · blue with a bar: lowered · strongest: ${largest.toFixed(3)} on one step`}
      </p>
    </>
  );
}

/** What rounds to nothing has no sign. */
function signed(value: number): string {
  const digits = Math.abs(value).toFixed(3);
  return digits === '0.000' ? digits : `${value < 0 ? '−' : '+'}${digits}`;
}
