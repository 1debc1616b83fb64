/** The conformance suite of stores on a real InfluxDB, and what only this store does. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { influxConfigSchema } from '../../infra/influx/config.js';
import { type InfluxStore, openInfluxStore } from '../../infra/influx/store.js';
import {
  alertOf,
  describeStore,
  eventOf,
  forecastOf,
  freshMachine,
  stepOf,
  storeBatch,
} from '../conformance/store.js';
import { startInflux } from '../services/influx.js';
import { skipWithout } from '../services/service.js';

const influx = await startInflux();

describe('store on InfluxDB', { skip: skipWithout(influx, 'InfluxDB') }, () => {
  after(() => influx?.stop());
  const database = `test_${randomUUID().slice(0, 8)}`;

  function harness() {
    const dir = mkdtempSync(join(tmpdir(), 'millwright-influx-store-'));
    const opened: InfluxStore[] = [];
    const open = async (mode: 'read-write' | 'read-only' = 'read-write') => {
      const store = await openInfluxStore({
        config: influxConfigSchema.parse({ url: influx?.url, database }),
        types: new Map(),
        dir,
        mode,
        onProblem: (sentence) => assert.fail(sentence),
      });
      opened.push(store);
      return store;
    };
    return {
      open,
      reopen: () => open(),
      cleanUp: async () => {
        for (const store of opened) await store.close();
        rmSync(dir, { recursive: true, force: true });
      },
    };
  }

  describeStore('influx', () => {
    const made = harness();
    return { ...made, open: () => made.open() };
  });

  it('names with everything that line protocol and InfluxQL treat specially come back as they were', async () => {
    const made = harness();
    try {
      const store = await made.open();
      const prefix = freshMachine();
      for (const odd of [
        'a b',
        'c,d=e',
        "it's",
        '"q"',
        'back\\',
        'new\nline',
        '100%',
        '%0A',
        'Überdruck 漢字',
        '\u0007',
      ]) {
        const machine = `${prefix} ${odd}`;
        const comment = `${odd}\\"\n${odd}`;
        const batch = storeBatch({
          forecasts: [forecastOf(machine, 0, { model: odd, reason: comment, site: odd, line: '' })],
          steps: [stepOf(machine, 0)],
          events: [eventOf(machine, 0, { code: odd, comment })],
          alerts: [alertOf(machine, 0, { summary: comment })],
        });
        await store.write(batch);
        assert.deepEqual(await store.forecasts(machine), batch.forecasts);
        assert.deepEqual(await store.steps(machine), batch.steps);
        assert.deepEqual(await store.events(machine), batch.events);
        assert.deepEqual(await store.alerts({ machine }), batch.alerts);
        assert.deepEqual(await store.alertHistory(batch.alerts[0]?.alertId ?? ''), batch.alerts);
      }
    } finally {
      await made.cleanUp();
    }
  });
});
