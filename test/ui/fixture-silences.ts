/** The silences of the product, on a log in memory. */
import { alertsConfigSchema } from '../../alerts/config.js';
import { makeDispatchStage } from '../../alerts/dispatch-stage.js';
import type { Deployment } from '../../app/config.js';
import { groups } from '../../app/groups.js';
import { silencesOf } from '../../app/silences.js';
import type { Clock } from '../../domain/clock.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { Store } from '../../domain/store.js';
import { topicSpecs, topics } from '../../domain/topics.js';
import type { Silences } from '../../infra/http/ports.js';
import { MemoryLog } from '../../infra/memory/log.js';

export async function makeSilences(
  store: Store,
  clock: Clock,
  types: ReadonlyMap<string, MachineType>,
): Promise<Silences> {
  const log = new MemoryLog();
  await log.ensureTopics(topicSpecs(1, Infinity));
  const alerts = alertsConfigSchema.parse({});
  log.consume({
    group: groups.dispatch,
    topics: [topics.dispatch],
    batchRecordsMax: 10,
    from: 'beginning',
    handlerFor: makeDispatchStage({ config: alerts, timeZone: 'UTC' }),
  });
  return silencesOf({ deployment: { config: { alerts }, types } as Deployment, log, store, clock });
}
