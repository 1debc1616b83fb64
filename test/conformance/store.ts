/** What every Store promises, whatever it stands on. Machines have names of their own, so it may hold other things. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AlertRecord } from '../../domain/alert.js';
import { WorldError } from '../../domain/errors.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { StepRecord } from '../../domain/step.js';
import type { FleetRow, Store, StoreBatch } from '../../domain/store.js';

export interface StoreHarness {
  open(): Promise<Store>;
  /** The same store once more after `store` was closed; absent where content ends with the object. */
  reopen?(store: Store): Promise<Store>;
  cleanUp(): Promise<void>;
}

const dayMs = 86_400_000;
const startMs = Date.UTC(2024, 0, 1);

let nameCount = 0;
export function freshMachine(): string {
  return `machine-${process.pid}-${nameCount++}`;
}

function place(machine: string) {
  return { machine, type: 'press', site: 'north', line: 'a' };
}

export function forecastOf(
  machine: string,
  day: number,
  changes: Partial<ForecastRecord> = {},
): ForecastRecord {
  return {
    kind: 'forecast',
    ...place(machine),
    originMs: startMs + day * dayMs,
    stepIndex: day,
    revision: 0,
    status: 'ok',
    reason: '',
    model: 'm1',
    probabilities: Array.from({ length: 30 }, (_, k) => 1 - 0.97 ** (k + 1)),
    expectedDay: 23,
    coverage: 1,
    silentSensors: [],
    stepOffset: day,
    ...changes,
  };
}

export function stepOf(machine: string, day: number, changes: Partial<StepRecord> = {}): StepRecord {
  return {
    kind: 'step',
    ...place(machine),
    startMs: startMs + day * dayMs,
    endMs: startMs + (day + 1) * dayMs,
    stepIndex: day,
    lifeStartMs: startMs,
    revision: 0,
    final: true,
    sensors: [null],
    eventCounts: [0],
    maintenanceAges: [null],
    coverage: [0.5],
    stuck: [false],
    firstOffset: -1,
    lastOffset: -1,
    ...changes,
  };
}

export function eventOf(machine: string, day: number, changes: Partial<EventRecord> = {}): EventRecord {
  return {
    kind: 'event',
    event: 'error',
    ...place(machine),
    eventTimeMs: startMs + day * dayMs,
    ingestTimeMs: startMs + day * dayMs + 5,
    code: 'e1',
    by: '',
    comment: 'Überdruck',
    ...changes,
  };
}

export function alertOf(machine: string, sequence: number, changes: Partial<AlertRecord> = {}): AlertRecord {
  const alertId = changes.alertId ?? `wear/${machine}/${startMs}`;
  return {
    kind: 'alert',
    alertId,
    dedupeKey: `${alertId}/${sequence}`,
    sequence,
    rule: 'wear',
    ...place(machine),
    state: 'firing',
    severity: 'warning',
    transition: 'fired',
    reason: '',
    timeMs: startMs + sequence * 1_000,
    sinceMs: startMs,
    acknowledgedBy: '',
    value: 0.5,
    summary: 'wear',
    trace: null,
    ...changes,
  };
}

export function storeBatch(parts: Partial<StoreBatch>): StoreBatch {
  return { steps: [], forecasts: [], alerts: [], events: [], ...parts };
}

async function rowOf(store: Store, machine: string): Promise<FleetRow | undefined> {
  return (await store.fleet()).find(({ forecast }) => forecast.machine === machine);
}

export function describeStore(name: string, harness: () => StoreHarness): void {
  function test(title: string, body: (store: Store, harness: StoreHarness) => Promise<void>): void {
    it(title, { timeout: 180_000 }, async () => {
      const made = harness();
      try {
        await body(await made.open(), made);
      } finally {
        await made.cleanUp();
      }
    });
  }

  describe(`store conformance: ${name}`, () => {
    test('gives back what was written, newest first', async (store) => {
      const machine = freshMachine();
      const steps = [0, 1, 2].map((day) => stepOf(machine, day));
      const forecasts = [0, 1, 2].map((day) => forecastOf(machine, day));
      const events = [0, 1, 2].map((day) => eventOf(machine, day));
      await store.write(storeBatch({ steps, forecasts, events }));
      assert.deepEqual(await store.steps(machine), steps.toReversed());
      assert.deepEqual(await store.forecasts(machine), forecasts.toReversed());
      assert.deepEqual(await store.events(machine), events.toReversed());
      assert.deepEqual(await store.forecasts(freshMachine()), []);
    });

    test('spans are half open and limits take the newest', async (store) => {
      const machine = freshMachine();
      const days = Array.from({ length: 10 }, (_, day) => day - 5);
      await store.write(
        storeBatch({
          steps: days.map((day) => stepOf(machine, day)),
          forecasts: days.map((day) => forecastOf(machine, day)),
          events: days.map((day) => eventOf(machine, day)),
        }),
      );
      const span = { fromMs: startMs - 2 * dayMs, toMs: startMs + 3 * dayMs };
      const wanted = [2, 1, 0, -1, -2].map((day) => startMs + day * dayMs);
      assert.deepEqual(
        (await store.steps(machine, span)).map((step) => step.startMs),
        wanted,
      );
      assert.deepEqual(
        (await store.forecasts(machine, span)).map((forecast) => forecast.originMs),
        wanted,
      );
      assert.deepEqual(
        (await store.events(machine, span)).map((event) => event.eventTimeMs),
        wanted,
      );
      const limited = await store.forecasts(machine, { ...span, limit: 2 });
      assert.deepEqual(
        limited.map((forecast) => forecast.originMs),
        wanted.slice(0, 2),
      );
      assert.equal((await store.steps(machine, { fromMs: startMs + 4 * dayMs })).length, 1);
      assert.equal((await store.steps(machine, { toMs: startMs - 4 * dayMs })).length, 1);
      assert.deepEqual(await store.events(machine, { fromMs: 5, toMs: 5 }), []);
    });

    test('machines whose names begin alike are kept apart', async (store) => {
      const machine = freshMachine();
      const longer = `${machine}-b`;
      await store.write(
        storeBatch({
          forecasts: [forecastOf(machine, 0), forecastOf(longer, 1)],
          alerts: [alertOf(machine, 0), alertOf(longer, 0)],
        }),
      );
      assert.equal((await store.forecasts(machine)).length, 1);
      assert.equal((await store.alerts({ machine })).length, 1);
      assert.equal((await store.alertHistory(`wear/${machine}/${startMs}`)).length, 1);
    });

    test('times before 1970 sort as well', async (store) => {
      const machine = freshMachine();
      const times = [-5 * dayMs, -1, 0, 1, 2 ** 33];
      await store.write(
        storeBatch({ forecasts: times.map((originMs) => forecastOf(machine, 0, { originMs })) }),
      );
      assert.deepEqual(
        (await store.forecasts(machine)).map(({ originMs }) => originMs),
        times.toReversed(),
      );
    });

    test('writing again changes nothing', async (store) => {
      const machine = freshMachine();
      const batch = storeBatch({
        steps: [stepOf(machine, 0)],
        forecasts: [forecastOf(machine, 0)],
        events: [eventOf(machine, 0)],
        alerts: [alertOf(machine, 0), alertOf(machine, 1)],
      });
      const seen = async () => [
        await store.steps(machine),
        await store.forecasts(machine),
        await store.events(machine),
        await store.alerts({ machine }),
        await store.alertHistory(alertOf(machine, 0).alertId),
        await rowOf(store, machine),
      ];
      await store.write(batch);
      const once = await seen();
      await store.write(batch);
      await store.write(storeBatch({}));
      assert.deepEqual(await seen(), once);
    });

    test('a higher revision replaces a lower one, never the other way round, in one batch or in many', async (store) => {
      for (const order of [[[0], [2], [1]], [[2], [0, 1]], [[1, 2, 0]]]) {
        const machine = freshMachine();
        for (const revisions of order)
          await store.write(
            storeBatch({
              steps: revisions.map((revision) => stepOf(machine, 0, { revision })),
              forecasts: revisions.map((revision) => forecastOf(machine, 0, { revision })),
            }),
          );
        assert.deepEqual(await store.steps(machine), [stepOf(machine, 0, { revision: 2 })]);
        assert.deepEqual(await store.forecasts(machine), [forecastOf(machine, 0, { revision: 2 })]);
        assert.equal((await rowOf(store, machine))?.forecast.revision, 2);
      }
    });

    test('keeps one forecast per origin and model', async (store) => {
      const machine = freshMachine();
      await store.write(
        storeBatch({ forecasts: ['m1', 'm2'].map((model) => forecastOf(machine, 0, { model })) }),
      );
      await store.write(storeBatch({ forecasts: [forecastOf(machine, 0, { revision: 1 })] }));
      const found = (await store.forecasts(machine)).map(({ model, revision }) => `${model}.${revision}`);
      assert.deepEqual(found.sort(), ['m1.1', 'm2.0']);
    });

    test('keeps events of one moment apart by kind, code and alert', async (store) => {
      const machine = freshMachine();
      const events = [
        eventOf(machine, 0),
        eventOf(machine, 0, { code: 'e2' }),
        eventOf(machine, 0, { event: 'maintenance', code: 'oil' }),
        ...['near', 'far'].map((rule) =>
          eventOf(machine, 0, { event: 'feedback', code: 'true', alert: `${rule}/${machine}/1` }),
        ),
      ];
      await store.write(storeBatch({ events }));
      assert.equal((await store.events(machine)).length, 5);
    });

    describe('fleet', () => {
      test('shows the forecast with the greatest origin, whatever came last, by machine id', async (store) => {
        const machines = [freshMachine(), freshMachine(), freshMachine()];
        for (const machine of machines.toReversed())
          await store.write(storeBatch({ forecasts: [forecastOf(machine, 3), forecastOf(machine, 1)] }));
        const rows = (await store.fleet()).filter(({ forecast }) => machines.includes(forecast.machine));
        assert.deepEqual(
          rows.map(({ forecast }) => forecast),
          machines.toSorted().map((machine) => forecastOf(machine, 3)),
        );
      });

      test('leaves out a machine that failed or retired after its newest forecast, until it is forecast again', async (store) => {
        for (const event of ['failure', 'retired'] as const) {
          const machine = freshMachine();
          await store.write(storeBatch({ forecasts: [forecastOf(machine, 3)] }));
          // Earlier than the forecast: a machine that was repaired and goes on.
          await store.write(storeBatch({ events: [eventOf(machine, 2, { event })] }));
          assert(await rowOf(store, machine));
          await store.write(storeBatch({ events: [eventOf(machine, 3, { event })] }));
          assert(await rowOf(store, machine), 'at the origin is not later than it');
          await store.write(storeBatch({ events: [eventOf(machine, 4, { event })] }));
          assert.equal(await rowOf(store, machine), undefined);
          await store.write(storeBatch({ events: [eventOf(machine, 1, { event })] }));
          assert.equal(await rowOf(store, machine), undefined);
          assert.equal((await store.forecasts(machine)).length, 1, 'its history stays');
          await store.write(storeBatch({ forecasts: [forecastOf(machine, 5)] }));
          assert(await rowOf(store, machine));
        }
      });

      test('other events leave a machine in the fleet', async (store) => {
        const machine = freshMachine();
        await store.write(
          storeBatch({
            forecasts: [forecastOf(machine, 0)],
            events: [eventOf(machine, 9, { event: 'maintenance' })],
          }),
        );
        assert(await rowOf(store, machine));
      });

      test('carries the newest transition of each alert that is not resolved', async (store) => {
        const machine = freshMachine();
        const other = `drift/${machine}/1`;
        const pending = alertOf(machine, 0, { state: 'pending', transition: 'pending' });
        const fired = alertOf(machine, 1);
        const silent = alertOf(machine, 0, {
          alertId: other,
          state: 'not-assessable',
          timeMs: startMs + 500,
        });
        await store.write(storeBatch({ forecasts: [forecastOf(machine, 0)], alerts: [pending, silent] }));
        await store.write(storeBatch({ alerts: [fired] }));
        assert.deepEqual((await rowOf(store, machine))?.alerts, [fired, silent]);
        await store.write(
          storeBatch({ alerts: [alertOf(machine, 2, { state: 'resolved', transition: 'resolved' })] }),
        );
        assert.deepEqual((await rowOf(store, machine))?.alerts, [silent]);
        // An old transition that is delivered once more opens nothing.
        await store.write(storeBatch({ alerts: [fired] }));
        assert.deepEqual((await rowOf(store, machine))?.alerts, [silent]);
      });
    });

    describe('alerts', () => {
      test('lists the newest transition of each alert, newest first, by machine, state and number', async (store) => {
        const [one, two] = [freshMachine(), freshMachine()];
        const inOne = [0, 1, 2].map((i) =>
          alertOf(one, 0, {
            alertId: `rule${i}/${one}/1`,
            timeMs: startMs + i * 1_000,
            state: i === 1 ? 'resolved' : 'firing',
          }),
        );
        const inTwo = alertOf(two, 0, { timeMs: startMs + 10_000, state: 'pending' });
        await store.write(storeBatch({ alerts: [...inOne, inTwo] }));
        assert.deepEqual(await store.alerts({ machine: one }), inOne.toReversed());
        assert.deepEqual(await store.alerts({ machine: one, limit: 2 }), inOne.toReversed().slice(0, 2));
        assert.deepEqual(await store.alerts({ machine: one, states: ['resolved'] }), [inOne[1]]);
        assert.deepEqual(await store.alerts({ machine: one, states: ['firing', 'pending'] }), [
          inOne[2],
          inOne[0],
        ]);
        assert.deepEqual(await store.alerts({ machine: one, states: ['firing'], limit: 1 }), [inOne[2]]);
        const ours = (await store.alerts()).filter(({ machine }) => machine === one || machine === two);
        assert.deepEqual(ours, [inTwo, ...inOne.toReversed()]);
        // A later transition moves an alert to the front and is listed once.
        const moved = alertOf(one, 1, { alertId: `rule0/${one}/1`, timeMs: startMs + 20_000 });
        await store.write(storeBatch({ alerts: [moved] }));
        assert.deepEqual(await store.alerts({ machine: one }), [moved, inOne[2], inOne[1]]);
      });

      test('tells the history of an alert, oldest first, whatever the order of arrival', async (store) => {
        const machine = freshMachine();
        const history = Array.from({ length: 12 }, (_, sequence) => alertOf(machine, sequence));
        await store.write(storeBatch({ alerts: history.slice(6) }));
        await store.write(storeBatch({ alerts: history.slice(0, 6).toReversed() }));
        assert.deepEqual(await store.alertHistory(history[0]?.alertId ?? ''), history);
        assert.deepEqual(await store.alerts({ machine }), [history[11]]);
        assert.deepEqual(await store.alertHistory('no/such/alert'), []);
      });
    });

    test('writes of many callers at once all arrive', async (store) => {
      const machine = freshMachine();
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          store.write(
            storeBatch({
              forecasts: [forecastOf(machine, i % 10, { revision: Math.floor(i / 10) })],
              alerts: [alertOf(machine, i)],
            }),
          ),
        ),
      );
      const forecasts = await store.forecasts(machine);
      assert.equal(forecasts.length, 10);
      assert(forecasts.every(({ revision }) => revision === 9));
      assert.equal((await store.alertHistory(alertOf(machine, 0).alertId)).length, 100);
      assert.deepEqual(await store.alerts({ machine }), [alertOf(machine, 99)]);
    });

    test('refuses with "closed" after close, and has everything after opening again', async (store, made) => {
      const machine = freshMachine();
      const gone = freshMachine();
      await store.write(
        storeBatch({
          steps: [stepOf(machine, 0)],
          forecasts: [forecastOf(machine, 0), forecastOf(gone, 0)],
          alerts: [alertOf(machine, 0)],
          events: [eventOf(gone, 1, { event: 'failure' })],
        }),
      );
      await Promise.all([store.close(), store.close()]);
      await assert.rejects(store.fleet(), (error) => error instanceof WorldError && error.code === 'closed');
      await assert.rejects(store.write(storeBatch({})), (error) => error instanceof WorldError);
      if (!made.reopen) return;
      const again = await made.reopen(store);
      assert.deepEqual(await rowOf(again, machine), {
        forecast: forecastOf(machine, 0),
        alerts: [alertOf(machine, 0)],
      });
      assert.equal(await rowOf(again, gone), undefined);
      assert.deepEqual(await again.steps(machine), [stepOf(machine, 0)]);
    });
  });
}
