/**
 * The real HTTP server over the made-up plant. As a program, for looking at the page:
 * `node dist/test/ui/fixture-server.js [machines=25] [port=8090] [day every ms=0: time stands still]`.
 */
import { fileURLToPath } from 'node:url';
import type { AlertRecord } from '../../domain/alert.js';
import { SetClock } from '../../domain/clock.js';
import { WorldError } from '../../domain/errors.js';
import type { EventRecord } from '../../domain/input.js';
import type { StoreBatch } from '../../domain/store.js';
import { defaultEventHubLimits, type EventHubLimits } from '../../infra/http/event-hub.js';
import type { HttpServer, LiveFeed, LiveMessage, Silences } from '../../infra/http/ports.js';
import { startHttpServer } from '../../infra/http/server.js';
import {
  advanceAll,
  dayMs,
  FixtureAlerts,
  type FixtureMachine,
  fixtureRules,
  makeMachines,
  pumpType,
  startMs,
} from './fixture-plant.js';
import { makeSilences } from './fixture-silences.js';
import { FixtureStore } from './fixture-store.js';

export class FixtureFeed implements LiveFeed {
  readonly #listeners = new Set<(message: LiveMessage) => void>();

  subscribe(listener: (message: LiveMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(message: LiveMessage): void {
    for (const listener of this.#listeners) listener(message);
  }
}

export interface FixturePlant {
  readonly server: HttpServer;
  readonly store: FixtureStore;
  readonly feed: FixtureFeed;
  readonly clock: SetClock;
  readonly machines: FixtureMachine[];
  readonly silences: Silences;
  readonly feedback: { alertId: string; verdict: string; by: string; comment: string; fault: string }[];
  /** Makes the next acknowledgement fail as though the log were away. */
  failNextAction(): void;
  /** Writes and publishes, as the last stage does. */
  publish(batch: StoreBatch): Promise<void>;
  /** One plant day for every machine. */
  advanceDay(): Promise<void>;
}

export async function startFixture(
  machineCount: number,
  options: { readonly port?: number; readonly limits?: EventHubLimits; readonly historyDays?: number } = {},
): Promise<FixturePlant> {
  const store = new FixtureStore();
  const feed = new FixtureFeed();
  const clock = new SetClock(startMs);
  const alerts = new FixtureAlerts();
  let machines = makeMachines(machineCount);
  let failNext = false;
  const feedback: FixturePlant['feedback'] = [];

  const publish = async (batch: StoreBatch) => {
    await store.write(batch);
    for (const message of [...batch.forecasts, ...batch.alerts, ...batch.events]) feed.publish(message);
  };
  const advanceDay = async () => {
    const batch = advanceAll(machines, alerts);
    const failed = new Set(
      batch.events.filter((event) => event.event === 'failure').map((event: EventRecord) => event.machine),
    );
    machines = machines.filter((machine) => !failed.has(machine.id));
    clock.advanceTo(clock.nowMs() + dayMs);
    await publish(batch);
    feed.publish({ kind: 'tick', timeMs: clock.nowMs() });
  };
  const historyDays = options.historyDays ?? 45;
  for (const machine of machines) if (machine.day < -historyDays) machine.day = -historyDays;
  for (let day = -historyDays; day < 0; day++)
    await store.write(
      advanceAll(
        machines.filter((machine) => machine.day <= day),
        alerts,
      ),
    );
  clock.advanceTo(startMs + dayMs / 2);

  const act = async (work: () => Promise<void>) => {
    if (failNext) {
      failNext = false;
      throw new WorldError('unreachable', 'the log is not reachable: nothing was written', {
        retryable: true,
      });
    }
    await work();
  };
  const say = (make: () => AlertRecord | undefined) =>
    act(async () => {
      const record = make();
      if (record) await publish({ steps: [], forecasts: [], alerts: [record], events: [] });
    });
  const types = new Map([[pumpType.name, pumpType]]);
  const silences = await makeSilences(store, clock, types);
  const server = await startHttpServer(
    {
      host: '127.0.0.1',
      port: options.port ?? 0,
      plant: 'Coolant Works North',
      store,
      types,
      rules: () => fixtureRules,
      live: feed,
      actions: {
        acknowledge: (alertId, by, comment) => say(() => alerts.acknowledge(alertId, by, comment)),
        assign: (alertId, to, by, comment) => say(() => alerts.assign(alertId, to, by, comment)),
        comment: (alertId, by, comment) => say(() => alerts.comment(alertId, by, comment)),
        feedback: (alertId, verdict, by, comment, fault) =>
          act(async () => {
            feedback.push({ alertId, verdict, by, comment, fault });
          }),
      },
      silences,
      ledger: async () => ({ received: 4203, accepted: 4180, rejected: 12, duplicate: 8, late: 3 }),
      health: async () => ({ status: 'ok', checks: [{ name: 'log', status: 'ok', detail: '' }] }),
      metrics: async () => 'ingest_readings_accepted_total 4180\n',
      clock,
    },
    options.limits ?? defaultEventHubLimits,
  );
  return {
    server,
    store,
    feed,
    clock,
    get machines() {
      return machines;
    },
    silences,
    feedback,
    failNextAction: () => {
      failNext = true;
    },
    publish,
    advanceDay,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [count = '25', port = '8090', everyMs = '0'] = process.argv.slice(2);
  const fixture = await startFixture(Number(count), {
    port: Number(port),
    historyDays: Number(count) > 1000 ? 4 : 45,
  });
  console.log(`${fixture.server.url} with ${count} machines`);
  if (Number(everyMs) > 0)
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, Number(everyMs)));
      await fixture.advanceDay();
    }
}
