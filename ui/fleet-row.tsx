// biome-ignore-all lint/a11y/useSemanticElements: only the rows in sight exist, placed by hand; a <table> cannot do that
// biome-ignore-all lint/a11y/useFocusableInteractive: rows and heads hold the links and buttons that take the focus
/** One machine in the fleet: its curve as a strip, and what is to be known beside it. */

import { Component } from 'preact';
import { rungWords } from '../domain/fallback.js';
import { chance, stepEnd, steps } from './format.js';
import { DataQuality, LeadChip } from './marks.js';
import type { Row } from './plant-state.js';
import { machinePath, navigate } from './router.js';
import { Strip } from './strip.js';
import type { Theme } from './theme.js';

export const rowHeightPx = 40;

interface FleetRowProps {
  readonly row: Row;
  readonly index: number;
  readonly selected: boolean;
  readonly theme: Theme;
  readonly stepMs: number;
  readonly horizon: number;
  readonly timeZone: string;
  /** '' when fresh. */
  readonly staleFor: string;
  /** Plant time for the age of alerts; 0 without any, so that the clock does not draw the row again. */
  readonly ageNowMs: number;
}

/** Drawn again only when something in it changed: most updates are about other rows. */
export class FleetRow extends Component<FleetRowProps> {
  override shouldComponentUpdate(next: FleetRowProps): boolean {
    const now = this.props;
    return (Object.keys(next) as (keyof FleetRowProps)[]).some((key) => next[key] !== now[key]);
  }

  override render() {
    return <FleetRowCells {...this.props} />;
  }
}

function FleetRowCells(props: FleetRowProps) {
  const { row, index, stepMs, timeZone, staleFor } = props;
  const { forecast, alerts } = row;
  const p = forecast.probabilities;
  const assessed = p.length > 0;
  const classes = [
    'row',
    'fleet-grid',
    !assessed && 'unassessed',
    props.selected && 'selected',
    staleFor !== '' && 'stale',
  ]
    .filter(Boolean)
    .join(' ');
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: j, k and enter do the same, and the name is a link
    <div
      class={classes}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={props.selected}
      style={{ transform: `translateY(${index * rowHeightPx}px)` }}
      onClick={() => navigate(machinePath(forecast.machine))}
    >
      <span role="cell" class="machine-cell">
        <a href={machinePath(forecast.machine)} onClick={(event) => event.stopPropagation()}>
          {forecast.machine}
        </a>
        <span class="muted wide-only">{forecast.line}</span>
      </span>
      <span role="cell" class="strip-cell">
        <Strip forecast={forecast} horizon={props.horizon} stepMs={stepMs} theme={props.theme} />
        {!assessed && <span class="strip-reason">cannot be assessed: {forecast.reason}</span>}
      </span>
      <Chance probability={p[Math.min(7, p.length) - 1]} />
      <Chance probability={p.at(-1)} />
      <span role="cell" class="expected-cell">
        <Expected forecast={forecast} stepMs={stepMs} timeZone={timeZone} />
      </span>
      <span role="cell">
        {staleFor !== '' ? (
          <span class="quality low">no forecast for {staleFor}</span>
        ) : (
          <DataQuality coverage={forecast.coverage} silent={forecast.silentSensors.length} />
        )}
      </span>
      <span role="cell" class="alert-cell">
        <LeadChip alerts={alerts} nowMs={props.ageNowMs} />
        {(forecast.status === 'fallback' || forecast.status === 'provisional') && (
          <span class="muted" title={forecast.reason}>
            {forecast.rung ? `by ${rungWords[forecast.rung]}` : forecast.status}
          </span>
        )}
      </span>
    </div>
  );
}

/** Unlikely ones stand back, so that the eye goes to the others. */
function Chance({ probability }: { readonly probability: number | undefined }) {
  return (
    <span role="cell" class={(probability ?? 0) < 0.01 ? 'number muted' : 'number'}>
      {probability === undefined ? '–' : chance(probability)}
    </span>
  );
}

function Expected(props: {
  readonly forecast: Row['forecast'];
  readonly stepMs: number;
  readonly timeZone: string;
}) {
  const { forecast, stepMs, timeZone } = props;
  if (forecast.probabilities.length === 0) return <>–</>;
  if (forecast.expectedDay === null)
    return <span class="muted">beyond {steps(forecast.probabilities.length, stepMs)}</span>;
  return (
    <>
      {forecast.curve === 'health-limit' && (
        <span class="curve-kind" title="health index passes its limit: no forecast of a failure">
          limit{' '}
        </span>
      )}
      <span class="expected-days">{steps(forecast.expectedDay, stepMs)}</span>{' '}
      <span class="muted">{stepEnd(forecast.originMs, forecast.expectedDay, { stepMs, timeZone })}</span>
    </>
  );
}
