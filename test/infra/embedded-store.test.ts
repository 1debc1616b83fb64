import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { Packr } from 'msgpackr';
import { UserError } from '../../domain/errors.js';
import { packStep } from '../../domain/packed-step.js';
import type { Store } from '../../domain/store.js';
import { openEmbeddedStore } from '../../infra/embedded/store.js';
import { storedForecast, storedStep } from '../../infra/embedded/store-layout.js';
import {
  alertOf,
  describeStore,
  eventOf,
  forecastOf,
  type StoreHarness,
  stepOf,
  storeBatch,
} from '../conformance/store.js';

function embeddedHarness(): StoreHarness & { readonly dir: string } {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-store-'));
  const opened: Store[] = [];
  const open = async () => {
    const store = await openEmbeddedStore({ dir });
    opened.push(store);
    return store;
  };
  return {
    dir,
    open,
    reopen: open,
    cleanUp: async () => {
      for (const store of opened) await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describeStore('embedded', embeddedHarness);

it('steps and forecasts of earlier versions are read', () => {
  const packer = new Packr({ useRecords: false });
  const value = (record: object) => Buffer.concat([Buffer.alloc(4), packer.pack(record)]);
  const step = stepOf('a', 3);
  assert.deepEqual(storedStep(value(packStep(step))), step);
  const forecast = forecastOf('a', 3);
  assert.deepEqual(storedForecast(value(forecast)), forecast);
});

it('a store that is open for reading tells what was written, and writes nothing', async () => {
  const made = embeddedHarness();
  const reader: Store[] = [];
  try {
    const writer = await made.open();
    await writer.write(storeBatch({ forecasts: [forecastOf('a', 0)] }));
    await writer.write(
      storeBatch({
        forecasts: [forecastOf('b', 0)],
        alerts: [alertOf('b', 0)],
        events: [eventOf('a', 1, { event: 'failure' })],
        steps: [stepOf('b', 0)],
      }),
    );
    await writer.close();
    const store = await openEmbeddedStore({ dir: made.dir, mode: 'read-only' });
    reader.push(store);
    assert.deepEqual(await store.fleet(), [{ forecast: forecastOf('b', 0), alerts: [alertOf('b', 0)] }]);
    assert.deepEqual(await store.steps('b'), [stepOf('b', 0)]);
    assert.deepEqual(await store.alerts({ states: ['firing'] }), [alertOf('b', 0)]);
    await assert.rejects(store.write(storeBatch({ steps: [stepOf('b', 0)] })), UserError);
  } finally {
    for (const store of reader) await store.close();
    await made.cleanUp();
  }
});

it('a store that is open for reading goes over one database while it looks into another', async () => {
  const made = embeddedHarness();
  try {
    const writer = await made.open();
    const machines = Array.from({ length: 400 }, (_, index) => `press-${index}`);
    await writer.write(
      storeBatch({
        forecasts: machines.map((machine) => forecastOf(machine, 0)),
        alerts: machines.map((machine) => alertOf(machine, 0)),
      }),
    );
    await writer.close();
    for (let round = 0; round < 10; round++) {
      const alerting = await openEmbeddedStore({ dir: made.dir, mode: 'read-only' });
      assert.equal((await alerting.alerts()).length, 400);
      await alerting.close();
      const whole = await openEmbeddedStore({ dir: made.dir, mode: 'read-only' });
      assert.equal((await whole.fleet()).length, 400);
      await whole.close();
    }
  } finally {
    await made.cleanUp();
  }
});
