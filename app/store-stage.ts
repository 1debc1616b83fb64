/** The stage that fills the store: topics `steps`, `forecasts` and `alerts` go to the store, ticks nowhere. */
import type { AlertRecord } from '../domain/alert.js';
import { WorldError } from '../domain/errors.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { EventRecord } from '../domain/input.js';
import type { Batch, Checkpoint, PartitionHandler, PartitionId } from '../domain/log.js';
import type { StepRecord } from '../domain/step.js';
import type { Store, StoreBatch } from '../domain/store.js';
import { decodeRecord, topics } from '../domain/topics.js';

export const storeTopics = [topics.steps, topics.forecasts, topics.alerts];

/** Writes are idempotent, so this stage has no state: only its offset, committed after the store has the batch. */
export function makeStoreStage(
  store: Store,
  sleep: (ms: number) => Promise<void>,
): (id: PartitionId) => PartitionHandler {
  return () => ({
    restore() {},
    async process(batch: Batch): Promise<Checkpoint> {
      await writeWithPatience(store, sortRecords(batch), sleep);
      const last = batch.records.at(-1);
      return { nextOffset: (last?.offset ?? -1) + 1, outputs: [], state: [] };
    },
    close() {},
  });
}

function sortRecords(batch: Batch): StoreBatch {
  const steps: StepRecord[] = [];
  const forecasts: ForecastRecord[] = [];
  const alerts: AlertRecord[] = [];
  const events: EventRecord[] = [];
  for (const record of batch.records) {
    const value = decodeRecord(batch.topic as 'steps' | 'forecasts' | 'alerts', record);
    if (value.kind === 'step') steps.push(value);
    else if (value.kind === 'forecast') forecasts.push(value);
    else if (value.kind === 'alert') alerts.push(value);
    // Events pass through `steps` and `forecasts` alike: they are taken once.
    else if (value.kind === 'event' && batch.topic === topics.steps) events.push(value);
  }
  return { steps, forecasts, alerts, events };
}

/** Retries what the world may mend (a store that is away, a full disk) until it does; the log keeps the rest. */
async function writeWithPatience(
  store: Store,
  batch: StoreBatch,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await store.write(batch);
    } catch (error) {
      if (!(error instanceof WorldError) || !error.retryable) throw error;
      await sleep(error.retryAfterMs ?? Math.min(30_000, 100 * 2 ** attempt));
    }
  }
}
