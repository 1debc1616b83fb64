/** Logs and stores read through the process that has them open keep the promises of those that are read directly. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Log } from '../../domain/log.js';
import type { Store } from '../../domain/store.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { openEmbeddedStore } from '../../infra/embedded/store.js';
import { describeLog, type LogHarness } from '../conformance/log.js';
import { checkLogModel } from '../conformance/log-model.js';
import { describeStore, type StoreHarness } from '../conformance/store.js';

/** A log that is written by one object and read by another, which was opened beside it. */
async function openLogTwice(dir: string): Promise<Log> {
  const writer = await openEmbeddedLog({ dir });
  const reader = await openEmbeddedLog({ dir, mode: 'read-only' });
  return {
    ensureTopics: (specs) => writer.ensureTopics(specs),
    append: (records) => writer.append(records),
    consume: (options) => writer.consume(options),
    read: (...parameters) => reader.read(...parameters),
    status: (topic) => reader.status(topic),
    committed: (...parameters) => reader.committed(...parameters),
    state: (...parameters) => reader.state(...parameters),
    close: async () => {
      await writer.close();
      await reader.close();
    },
  };
}

async function openStoreTwice(dir: string): Promise<Store> {
  const writer = await openEmbeddedStore({ dir });
  const reader = await openEmbeddedStore({ dir, mode: 'read-only' });
  return {
    write: (batch) => writer.write(batch),
    fleet: () => reader.fleet(),
    forecasts: (...parameters) => reader.forecasts(...parameters),
    steps: (...parameters) => reader.steps(...parameters),
    events: (...parameters) => reader.events(...parameters),
    alerts: (filter) => reader.alerts(filter),
    alertHistory: (alertId) => reader.alertHistory(alertId),
    close: async () => {
      await writer.close();
      await reader.close();
    },
  };
}

function harness<T extends Log | Store>(openTwice: (dir: string) => Promise<T>) {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-reads-'));
  const opened: T[] = [];
  const open = async (): Promise<T> => {
    const both = await openTwice(dir);
    opened.push(both);
    return both;
  };
  return {
    open,
    reopen: open,
    cleanUp: async () => {
      for (const both of opened) await both.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const logHarness = (): LogHarness => ({ ...harness(openLogTwice), compaction: 'with-the-checkpoint' });
const storeHarness = (): StoreHarness => harness(openStoreTwice);

describeLog('embedded, read through its writer', logHarness);
describeStore('embedded, read through its writer', storeHarness);

it('a log read through its writer agrees with a plain model over random histories', () =>
  checkLogModel(logHarness, 10));
