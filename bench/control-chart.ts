/**
 * How often the control chart of `millwright track` cries for nothing, and how soon it sees that forecasts have gone bad, as JSON:
 * simulated plants whose forecasts are right (they say the hazards that decide), held for a year to a backtest of another plant of
 * 100 machines, or to its scores alone, as a validation leaves them. In half of the runs the forecasts go wrong after six
 * months: each machine gets those of another (`exchanged`), or hazards a third of what they should be (`timid`).
 *
 *   npm run bench -- control-chart [--quick]
 */
import { type ChartedPeriod, controlChart } from '../backtest/control-chart.js';
import { machineErrors } from '../backtest/metrics/bootstrap.js';
import { type Promised, promiseOf } from '../backtest/promise.js';
import type { JudgedForecast } from '../backtest/rows.js';
import { Rng } from '../domain/rng.js';

const horizonDays = 30;
const yearDays = 360;
const wrongFromDay = 180;
type Fault = 'none' | 'exchanged' | 'timid';

/** Days from 0 on which a machine runs or fails: its chance of failing on each day, and whether it does. A new life follows. */
function live(rng: Rng, days: number): { hazard: Float64Array; fails: Uint8Array } {
  const hazard = new Float64Array(days);
  const fails = new Uint8Array(days);
  const newLife = () => 90 + 25 * rng.normal();
  let length = newLife();
  // Machines are of all ages when it begins.
  for (let [day, age] = [0, rng.int(90)]; day < days; day++, age++) {
    hazard[day] = Math.min(0.5, Math.exp((age - length) / 6));
    if (rng.uniform() >= (hazard[day] as number)) continue;
    fails[day] = 1;
    length = newLife();
    age = -1;
  }
  return { hazard, fails };
}

/** The forecasts of the first `yearDays` of a plant, with their outcomes; by the day of their issue. */
function forecast(rng: Rng, machineCount: number, fault: Fault): JudgedForecast[] {
  const machines = Array.from({ length: machineCount }, () => live(rng, yearDays + horizonDays));
  return machines.flatMap(({ fails }, index) =>
    Array.from({ length: yearDays }, (_, day): JudgedForecast => {
      const wrong = fault !== 'none' && day >= wrongFromDay;
      const { hazard } = machines[
        wrong && fault === 'exchanged' ? (index + 1) % machineCount : index
      ] as (typeof machines)[number];
      const probabilities = new Float64Array(horizonDays);
      let survival = 1;
      let eventDay = 0;
      for (let k = 0; k < horizonDays; k++) {
        survival *= 1 - (hazard[day + k] as number) / (wrong && fault === 'timid' ? 3 : 1);
        probabilities[k] = 1 - survival;
        if (eventDay === 0 && fails[day + k] === 1) eventDay = k + 1;
      }
      return {
        machine: `m${index}`,
        originMs: day,
        status: 'ok',
        reason: '',
        probabilities,
        eventDay,
        knownDays: eventDay || horizonDays,
        observedDays: horizonDays,
      };
    }),
  );
}

function chart(rows: readonly JudgedForecast[], promised: Promised, periodDays: number) {
  const periods: ChartedPeriod[] = [];
  for (let from = 0; from < yearDays; from += periodDays) {
    const own = rows.filter(({ originMs }) => originMs >= from && originMs < from + periodDays);
    periods.push({ name: `${from}`, versions: [{ errors: machineErrors(own, horizonDays), promised }] });
  }
  return controlChart(periods);
}

const share = (flags: readonly boolean[]) => flags.filter(Boolean).length / flags.length;

const quick = process.argv.includes('--quick');
const runCount = quick ? 20 : 100;
const results = [];
for (const machineCount of quick ? [20] : [20, 100])
  for (const periodDays of [30, 7])
    for (const source of ['backtest', 'validation'] as const) {
      const run = (fault: Fault, seed: number) => {
        const rng = new Rng(seed);
        const promised = promiseOf(machineErrors(forecast(rng, 100, 'none'), horizonDays));
        const held = source === 'backtest' ? promised : { ...promised, source, errors: null };
        return chart(forecast(rng, machineCount, fault), held, periodDays);
      };
      const seeds = Array.from({ length: runCount }, (_, index) => index + 1);
      const quiet = seeds.map((seed) => run('none', seed));
      const foundWithin = (fault: Fault) => {
        const charts = seeds.map((seed) => run(fault, seed));
        const wrongFrom = Math.ceil(wrongFromDay / periodDays);
        return Object.fromEntries(
          [60, 90, 180].map((days) => [
            `${days}d`,
            share(
              charts.map((points) =>
                points.slice(wrongFrom, wrongFrom + Math.floor(days / periodDays)).some(({ left }) => left),
              ),
            ),
          ]),
        );
      };
      results.push({
        machineCount,
        periodDays,
        promisedBy: source,
        quietYearsWithSignal: share(quiet.map((points) => points.some(({ left }) => left))),
        quietPeriodsWorse: share(quiet.flatMap((points) => points.map(({ verdict }) => verdict === 'worse'))),
        exchangedFoundWithin: foundWithin('exchanged'),
        timidFoundWithin: foundWithin('timid'),
      });
    }
console.log(JSON.stringify({ bench: 'control-chart', runCount, results }, null, 2));
