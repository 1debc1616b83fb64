// A sensor that jumps is told from a machine that wears, and named; what a fleet shares is no change of one machine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SensorChange, sensorChanges } from '../../../backtest/drift/sensor-changes.js';
import { watchFleet } from '../../../backtest/drift/watched.js';
import { wearingSensors, wears } from '../../../backtest/drift/wear.js';
import type { History } from '../../../domain/features.js';
import type { Rng } from '../../../domain/rng.js';
import { dayMs, ran, specOf } from './rows.js';

const spec = specOf(['vibration.mean', 'vibration.std', 'pressure.mean', 'pressure.std', 'since.service']);
const sdOf = () => 1;

/** Twelve machines over 120 days, serviced every 30, with a week and a season in the vibration of all of them. */
function fleetOf(
  change: (
    machine: number,
    day: number,
    row: [number, number, number, number],
  ) => [number, number, number, number],
): History[] {
  return Array.from({ length: 12 }, (_, machine) =>
    ran(
      `m${String(machine).padStart(2, '0')}`,
      120,
      (day: number, rng: Rng) => {
        const shared = (day % 7 === 0 ? -2 : 0) + 3 * Math.sin(day / 40);
        const noise = () => 0.2 * rng.normal();
        const row = change(machine, day, [
          10 + machine / 4 + shared + noise(),
          2 + 0.1 * rng.normal(),
          50 - machine / 2 + noise(),
          1 + 0.05 * rng.normal(),
        ]);
        return [...row, (day + 2 * machine) % 30];
      },
      machine,
    ),
  );
}

const found = (histories: readonly History[]): SensorChange[] =>
  sensorChanges(spec, watchFleet(spec, histories), sdOf);
const place = ({ machine, sensor, kind, byMs }: SensorChange) =>
  `${machine} ${sensor} ${kind} ${byMs / dayMs - 1}`;

test('nothing is found where nothing changed, whatever all machines share', () => {
  assert.deepEqual(found(fleetOf((_, __, row) => row)), []);
});

test('a sensor rescaled, one shifted and one with another noise are named with their day and size', () => {
  const changes = found(
    fleetOf((machine, day, [level, spread, pressure, noise]) => {
      if (machine === 3 && day >= 50) return [1.8 * level, 1.8 * spread, pressure, noise];
      if (machine === 5 && day >= 70) return [level, spread, pressure + 6, noise];
      if (machine === 8 && day >= 40) return [level, 2 * spread, pressure, noise];
      return [level, spread, pressure, noise];
    }),
  );
  assert.deepEqual(changes.map(place), [
    'm03 vibration rescaled 50',
    'm05 pressure shifted 70',
    'm08 vibration noise 40',
  ]);
  const [rescaled, shifted, noisier] = changes as [SensorChange, SensorChange, SensorChange];
  const factor = (rescaled.level as number) / (rescaled.levelWithout as number);
  assert.ok(Math.abs(factor - 1.8) < 0.15, `rescaled by ${factor}`);
  assert.ok(Math.abs((shifted.level as number) - (shifted.levelWithout as number) - 6) < 0.3);
  assert.ok(Math.abs((noisier.noiseFactor as number) - 2) < 0.2);
  assert.ok(changes.every(({ p }) => (p as number) <= 0.01));
});

test('wear, however steep, is no jump: it grows over days, in several sensors, until maintenance; it is called wear', () => {
  const wearing = fleetOf((machine, day, [level, spread, pressure, noise]) => {
    // To its failure on a day of service, as e^(−days left / 6).
    const left = 29 - ((day + 2 * machine) % 30);
    const signal = machine % 3 === 0 ? Math.exp(-left / 6) : 0;
    return [level + 12 * signal, spread, pressure - 15 * signal, noise];
  });
  assert.deepEqual(found(wearing), []);
  // The same on every day on which somebody might have looked.
  for (let days = 30; days < 120; days += 5)
    assert.deepEqual(found(wearing.map((each) => ({ ...each, stepCount: days }))), [], `after ${days} days`);
  const { machines } = watchFleet(
    spec,
    wearing.map((each) => ({ ...each, stepCount: 59 })),
  );
  const told = wearingSensors(spec, machines, sdOf);
  // On day 58 m00 is a day before its service; those that never fail do not wear.
  assert.deepEqual(
    told[0]?.map(({ sensor }) => sensor),
    ['vibration', 'pressure'],
  );
  assert.ok(wears(told[0] ?? []));
  assert.ok(told.every((sensors, machine) => machine % 3 === 0 || !wears(sensors)));
});

test('several sensors of a machine that change on one day are a change of the machine', () => {
  const changes = found(
    fleetOf((machine, day, [level, spread, pressure, noise]) =>
      machine === 4 && day >= 60
        ? [level + 5, spread, pressure + 5, noise]
        : [level, spread, pressure, noise],
    ),
  );
  assert.deepEqual(changes.map(place), ['m04 vibration machine 60', 'm04 pressure machine 60']);
});

test('a sensor that is silent for two weeks while others speak is named; a plant that is shut is none of that', () => {
  const silent = found(
    fleetOf((machine, day, [level, spread, pressure, noise]) => {
      if (day >= 60 && day < 80) return [Number.NaN, Number.NaN, Number.NaN, Number.NaN];
      return machine === 2 && day >= 30
        ? [Number.NaN, Number.NaN, pressure, noise]
        : [level, spread, pressure, noise];
    }),
  );
  assert.deepEqual(silent.map(place), ['m02 vibration silent 30']);
  const shut = watchFleet(
    spec,
    fleetOf((_, day, row) =>
      day >= 60 && day < 80 ? [Number.NaN, Number.NaN, Number.NaN, Number.NaN] : row,
    ),
  );
  assert.deepEqual(shut.silences, [{ fromMs: 60 * dayMs, untilMs: 80 * dayMs }]);
  assert.equal(shut.machines[0]?.rows.length, 100);
});
