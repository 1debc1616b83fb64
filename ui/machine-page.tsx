import { useMemo, useState } from 'preact/hooks';
import { readAlertId } from '../domain/alert.js';
import { rungWords } from '../domain/fallback.js';
import { remarkKinds } from '../domain/input.js';
import { defaultTargetDay, followTarget } from '../infra/http/moved.js';
import type { ForecastWire, MachineTypeWire, MachineWire } from '../infra/http/wire.js';
import { AlertCard } from './alert-card.js';
import { machineApiPath } from './client.js';
import { CurveChart } from './curve-chart.js';
import { orderFleet } from './fleet-order.js';
import { chance, curveWords, dateTime, percent, span, stepEnd, stepName, steps } from './format.js';
import { useKeys } from './keyboard.js';
import { MovedChart } from './moved-chart.js';
import type { PlantState } from './plant-state.js';
import { QualityGrid } from './quality-grid.js';
import { machinePath, navigate } from './router.js';
import { SensorCharts, signOf } from './sensor-charts.js';
import { useTheme } from './theme.js';
import { useReloading } from './use-reloading.js';
import { WhyCard } from './why-card.js';

/** Curves behind the newest one: more would be a cloud. */
const fadingCurves = 10;

export function MachinePage(props: {
  readonly state: PlantState;
  readonly machine: string;
  readonly atText: string;
}) {
  const { state, machine, atText } = props;
  const theme = useTheme();
  const row = state.rows.get(machine);
  const path = `${machineApiPath(machine)}${atText === '' ? '' : `?at=${encodeURIComponent(atText)}`}`;
  const { data, failure } = useReloading<MachineWire>(path, row ?? state.alertChangeCount);
  const [chosenDay, setChosenDay] = useState<number>();
  const forecast = data?.forecast ?? null;
  const curve = forecast?.probabilities ?? [];
  const targetDay = chosenDay ?? (forecast && curve.length > 0 ? defaultTargetDay(forecast) : 7);
  const neighbour = (by: number) => {
    const order = orderFleet(state.rows.values(), { search: '', line: '', show: '' }, 'risk').map(
      (item) => item.forecast.machine,
    );
    const next = order[order.indexOf(machine) + by];
    if (next !== undefined) navigate(machinePath(next));
  };
  const moveDay = (by: number) => setChosenDay(Math.min(curve.length || 1, Math.max(1, targetDay + by)));
  useKeys({
    j: () => neighbour(1),
    k: () => neighbour(-1),
    ArrowRight: () => moveDay(1),
    ArrowLeft: () => moveDay(-1),
    Escape: () => navigate('/'),
  });
  const type = state.typeOf(data?.type ?? row?.forecast.type ?? '');
  const history = useMemo(() => {
    const newest = data?.forecast;
    // A curve of failures and one of the health index have nothing to say to one another.
    return newest ? [newest, ...data.previous.filter(({ curve }) => curve === newest.curve)] : [];
  }, [data]);
  const previous = useMemo(
    () => history.slice(1, 1 + fadingCurves).filter((earlier) => earlier.probabilities.length > 0),
    [history],
  );
  const lastAssessed = history.find((earlier) => earlier.probabilities.length > 0);
  const moved = useMemo(
    () => followTarget(history, (forecast?.originMs ?? 0) + targetDay * type.stepMs, type.stepMs),
    [history, forecast, targetDay, type.stepMs],
  );

  if (!data)
    return failure === '' ? (
      <section class="page" aria-busy="true">
        <h1>{machine}</h1>
        <p class="muted">Loading…</p>
      </section>
    ) : (
      <section class="message" role="alert">
        <h1>{machine}</h1>
        <p>{failure}</p>
        <p>
          <a href="/">To the fleet</a>
        </p>
      </section>
    );
  return (
    <section class="page machine">
      <div class="page-head">
        <h1>
          <a href="/" class="crumb">
            Fleet
          </a>{' '}
          <span class="muted">/</span> {machine}
        </h1>
        <span class="muted">
          {[data.type, data.line, data.site].filter((word) => word !== '').join(' · ')}
          {forecast && ` · model ${forecast.model}`}
        </span>
        <span class="spacer" />
        <span class="steppers">
          <button type="button" onClick={() => neighbour(-1)}>
            <kbd>k</kbd> higher risk
          </button>
          <button type="button" onClick={() => neighbour(1)}>
            <kbd>j</kbd> lower risk
          </button>
        </span>
      </div>
      <MachineNotices state={state} data={data} type={type} inFleet={row !== undefined} atText={atText} />
      {failure !== '' && (
        <p class="form-error" role="alert">
          {failure}
        </p>
      )}
      {forecast?.curve === 'health-limit' && (
        <p class="notice-line">
          No failure of this kind of machine has been learned from yet. What follows is a health index: how
          far the machine departs from what is expected of it
          {data.values?.healthIndex == null ? '' : ` (now ${data.values.healthIndex.toFixed(2)}, limit 1)`}.
          Passing its limit is no forecast of a failure.
        </p>
      )}
      {forecast && curve.length > 0 && <Numbers forecast={forecast} type={type} />}
      <div class="columns">
        <div class="card curve-card">
          <div class="card-head">
            <h2>
              {curveWords[forecast?.curve ?? 'failure'].title}, by {stepName(type.stepMs)}
            </h2>
            {forecast && (
              <span class="muted">
                issued {dateTime(forecast.originMs, type.timeZone)}
                {forecast.revision > 0 ? `, revision ${forecast.revision}` : ''}
                {curve.length > 0 && previous.length > 0 ? ` · grey: the ${previous.length} before` : ''}
              </span>
            )}
          </div>
          {forecast && curve.length > 0 ? (
            <CurveChart
              forecast={forecast}
              previous={previous}
              rules={(state.plant?.rules ?? []).filter((rule) => rule.curve === forecast.curve)}
              events={data.events}
              type={type}
              theme={theme}
              targetDay={targetDay}
              onTargetDay={setChosenDay}
            />
          ) : (
            <div class="no-curve">
              <p>
                <strong>Cannot be assessed.</strong> {forecast?.reason ?? 'No forecast has been issued yet.'}
                {lastAssessed && (
                  <>
                    <br />
                    The last forecast is of {dateTime(lastAssessed.originMs, type.timeZone)}:{' '}
                    <a href={machinePath(machine, lastAssessed.originMs)}>show it</a>
                  </>
                )}
              </p>
            </div>
          )}
        </div>
        <div class="side">
          {moved.points.length > 1 && (
            <div class="card">
              <div class="card-head">
                <h2>How the forecast for {stepEnd(moved.targetMs, 0, type)} moved</h2>
              </div>
              <MovedChart moved={moved} type={type} theme={theme} />
              <p class="caption">
                Follows {stepName(type.stepMs)} {targetDay}{' '}
                <span class="muted">(click the curve, or ← →, for another)</span>
              </p>
            </div>
          )}
          <div class="card">
            <div class="card-head">
              <h2>Alerts</h2>
            </div>
            {data.alerts.length === 0 && <p class="muted">None so far.</p>}
            {data.alerts.slice(0, 6).map((alert) => (
              <AlertCard
                key={alert.alertId}
                state={state}
                alert={alert}
                open={false}
                selected={false}
                showMachine={false}
              />
            ))}
          </div>
          <Events data={data} type={type} />
        </div>
      </div>
      {forecast && curve.length > 0 && (
        <WhyCard
          machine={machine}
          atText={atText}
          day={targetDay}
          forecast={forecast}
          type={type}
          theme={theme}
        />
      )}
      <div class="card">
        <div class="card-head">
          <h2>Sensors</h2>
          {data.unknownType && <span class="muted">the type “{data.type}” is not in this configuration</span>}
        </div>
        <SensorCharts data={data} type={type} theme={theme} />
      </div>
      <div class="card">
        <div class="card-head">
          <h2>Data quality</h2>
          {forecast && (
            <span class="muted">
              {percent(forecast.coverage)} of the expected readings in the newest steps
            </span>
          )}
        </div>
        <QualityGrid data={data} type={type} theme={theme} />
      </div>
    </section>
  );
}

function MachineNotices(props: {
  readonly state: PlantState;
  readonly data: MachineWire;
  readonly type: MachineTypeWire;
  readonly inFleet: boolean;
  readonly atText: string;
}) {
  const { state, data, type, inFleet, atText } = props;
  const { forecast } = data;
  const ageMs = forecast ? state.timeMs - forecast.originMs : 0;
  const end = data.events.find((event) => event.event === 'failure' || event.event === 'retired');
  return (
    <>
      {atText !== '' && forecast && (
        <p class="notice-line">
          This is the forecast as of {dateTime(forecast.originMs, type.timeZone)}.{' '}
          <a href={machinePath(data.machine)}>Show the newest</a>
        </p>
      )}
      {!inFleet && atText === '' && (
        <p class="notice-line">
          Not in service
          {end
            ? `: ${end.event === 'failure' ? 'failed' : 'retired'} on ${dateTime(end.eventTimeMs, type.timeZone)}`
            : ''}
          . What follows is its last forecast.
        </p>
      )}
      {inFleet && atText === '' && ageMs > 2 * type.stepMs + type.graceMs && (
        <p class="notice-line warn">
          The newest forecast is {span(ageMs)} old: no step has closed since. Ask{' '}
          <code>millwright doctor</code>.
        </p>
      )}
      {forecast && (forecast.status === 'fallback' || forecast.status === 'provisional') && (
        <p class="notice-line warn">
          {forecast.rung
            ? `This forecast rests on ${rungWords[forecast.rung]}, not on the network: `
            : `This forecast is ${forecast.status}: `}
          {forecast.reason}
        </p>
      )}
    </>
  );
}

/** The curve at the days people ask for. */
function Numbers({ forecast, type }: { readonly forecast: ForecastWire; readonly type: MachineTypeWire }) {
  const { probabilities, expectedDay, curve } = forecast;
  const days = [...new Set([7, 14, probabilities.length])].filter((day) => day <= probabilities.length);
  return (
    <dl class="numbers">
      {days.map((day) => (
        <div key={day}>
          <dt>
            {curveWords[curve].within} {steps(day, type.stepMs)}
          </dt>
          <dd>{chance(probabilities[day - 1] ?? 0)}</dd>
        </div>
      ))}
      <div>
        <dt>{curve === 'failure' ? 'expected' : 'limit expected'}</dt>
        <dd>
          {expectedDay === null ? (
            <>beyond {steps(probabilities.length, type.stepMs)}</>
          ) : (
            <>
              in {steps(expectedDay, type.stepMs)}{' '}
              <small>{stepEnd(forecast.originMs, expectedDay, type)}</small>
            </>
          )}
        </dd>
      </div>
      <div>
        <dt>data</dt>
        <dd>
          {percent(forecast.coverage)}{' '}
          <small>
            {[
              ...(forecast.silentSensors.length > 0 ? [`${forecast.silentSensors.join(', ')} silent`] : []),
              ...(forecast.stuckSensors ? [`${forecast.stuckSensors.join(', ')} stuck`] : []),
            ].join('; ') || 'all sensors speak'}
          </small>
        </dd>
      </div>
    </dl>
  );
}

function Events({ data, type }: { readonly data: MachineWire; readonly type: MachineTypeWire }) {
  const events = data.events.slice(0, 8);
  if (events.length === 0) return null;
  return (
    <div class="card">
      <div class="card-head">
        <h2>Events</h2>
      </div>
      <ul class="events">
        {events.map((event) => (
          <li key={`${event.event}/${event.eventTimeMs}/${event.code}`}>
            <span class={`event-sign ${event.event}`} aria-hidden="true">
              {signOf(event)}
            </span>
            <span class="history-time">{dateTime(event.eventTimeMs, type.timeZone)}</span>
            <span>
              {event.event}
              {event.code === '' || (event.event !== 'feedback' && remarkKinds.has(event.event))
                ? ''
                : ` · ${event.code}`}
              {event.to === undefined ? '' : ` → ${event.to}`}
              {event.alert === undefined ? '' : ` · ${readAlertId(event.alert)?.rule ?? event.alert}`}
              {event.fault === undefined ? '' : ` · ${event.fault}`}
              {event.by === '' ? '' : ` · ${event.by}`}
              {event.comment === '' ? '' : `: ${event.comment}`}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
