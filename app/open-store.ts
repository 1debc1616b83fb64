/** The store that the deployment names. */
import { join } from 'node:path';
import type { Store } from '../domain/store.js';
import { openEmbeddedStore } from '../infra/embedded/store.js';
import type { HealthReport } from '../infra/http/ports.js';
import { type InfluxStore, openInfluxStore } from '../infra/influx/store.js';
import type { Deployment } from './config.js';
import { formatBytes, formatCounted } from './terminal/format.js';

export interface OpenedStore {
  readonly store: Store;
  health(): HealthReport['checks'];
  /** What waits on disk and what is lost to it, of a store that is a service which this process writes. */
  waiting(): { readonly spoolBytes: number; readonly refusedCount: number } | undefined;
}

/** Rejects with WorldError. `onProblem` is told in sentences what goes wrong later and is tried again. */
export async function openStore(
  { config, types }: Deployment,
  mode: 'read-write' | 'read-only',
  onProblem: (sentence: string) => void = () => {},
): Promise<OpenedStore> {
  if (config.store.kind === 'embedded') {
    const store = await openEmbeddedStore({ dir: join(config.dataDir, 'store'), mode });
    return { store, health: () => [], waiting: () => undefined };
  }
  const dir = join(config.dataDir, 'spool');
  const store = await openInfluxStore({ config: config.store, types, dir, mode, onProblem });
  return { store, health: () => influxHealth(store), waiting: () => store.status() };
}

function influxHealth(store: InfluxStore): HealthReport['checks'] {
  const status = store.status();
  if (!status) return [];
  const { problem, spoolBytes, refusedCount, refusedReason } = status;
  const sentences = [
    ...(problem === '' ? [] : [problem]),
    ...(spoolBytes === 0 ? [] : [`${formatBytes(spoolBytes)} of results wait on disk for InfluxDB`]),
    ...(refusedCount === 0
      ? []
      : [`InfluxDB has refused ${formatCounted(refusedCount, 'point')} for good: ${refusedReason}`]),
  ];
  return sentences.length === 0 ? [] : [{ name: 'store', status: 'degraded', detail: sentences.join('; ') }];
}
