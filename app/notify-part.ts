/**
 * From transitions to receivers: gathers them, decides who is told what and when, and delivers, for each notifier at
 * its own pace.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { makeDispatchStage } from '../alerts/dispatch-stage.js';
import { makeGatherStage } from '../alerts/gather-stage.js';
import { makeNotifyStage, type NotifyOutcome, notifyGroup } from '../alerts/notify-stage.js';
import { makeRouting, routesTo } from '../alerts/route.js';
import { makeStandingStage } from '../alerts/standing-stage.js';
import { assert } from '../domain/assert.js';
import { type Clock, wallClock } from '../domain/clock.js';
import { WorldError } from '../domain/errors.js';
import type { ConsumerOptions, Log } from '../domain/log.js';
import { plantTimeZone } from '../domain/machine-type.js';
import type { NotificationRecord } from '../domain/notification.js';
import { Rng } from '../domain/rng.js';
import { encodeRecord, topics } from '../domain/topics.js';
import { makeNotifiers } from '../infra/notify/make-notifiers.js';
import type { Deployment } from './config.js';
import { groups } from './groups.js';
import type { Logger } from './logger.js';
import type { Running } from './running.js';

/** How often it looks whether something is due. */
const lookEveryMs = 500;

/** Closing leaves the delivery under way to the next start; nothing is told twice by it. */
export function startNotifiers(parts: {
  readonly deployment: Deployment;
  readonly log: Log;
  readonly running: Running;
  readonly logger: Logger;
  /** Plant time. */
  readonly clock: Clock;
  publish(topic: string, payload: Uint8Array): Promise<void>;
}): void {
  const { deployment, log, running, logger, clock } = parts;
  const { alerts } = deployment.config;
  const stop = new AbortController();
  const consume = (options: Pick<ConsumerOptions, 'group' | 'topics' | 'batchRecordsMax' | 'handlerFor'>) =>
    running.watch(log, { ...options, from: 'beginning' });

  const wish: TickWish = { dueMs: Number.POSITIVE_INFINITY };
  const dispatching = [
    consume({
      group: groups.gather,
      topics: [topics.alerts],
      batchRecordsMax: 1000,
      handlerFor: makeGatherStage(clock),
    }),
    consume({
      group: groups.dispatch,
      topics: [topics.dispatch],
      batchRecordsMax: 1000,
      handlerFor: makeDispatchStage({
        config: alerts,
        timeZone: plantTimeZone(deployment.types.values()),
        onDue: (dueMs) => {
          wish.dueMs = dueMs;
        },
      }),
    }),
  ];
  const ticking = tickWhenDue(log, clock, stop.signal, wish).catch(running.fail);

  const notifiers = makeNotifiers(alerts.notifiers, {
    logger,
    clock: wallClock,
    publish: (topic, payload) => parts.publish(topic, payload),
  });
  const world = {
    clock: wallClock,
    rng: new Rng(wallClock.nowMs()),
    sleep: (delayMs: number, signal: AbortSignal) => delay(delayMs, undefined, { signal }),
  };
  const routing = makeRouting(alerts);
  const delivering = notifiers.map((notifier, index) => {
    const settings = alerts.notifiers[index];
    assert(settings, 'a configuration for every notifier, in their order');
    const { name } = notifier;
    const common = {
      retry: settings.retry,
      world,
      signal: stop.signal,
      onOutcome: (outcome: NotifyOutcome, { dedupeKey }: NotificationRecord, error?: WorldError) => {
        if (error)
          logger.warn(
            { notifier: name, notification: dedupeKey, outcome },
            `notifier ${name}: ${error.message}`,
          );
      },
    };
    return consume({
      group: notifyGroup(name),
      topics: [topics.notifications],
      batchRecordsMax: 1,
      handlerFor:
        'tell' in notifier
          ? makeStandingStage({
              ...common,
              notifier,
              labelsOf: routing.labelsOf,
              routed: (alert) => routesTo(routing, name, alert, routing.labelsOf(alert)).length > 0,
              onResent: (error) => {
                if (error)
                  logger.warn({ notifier: name }, `${error.message}; it is told what stands again later`);
              },
              onFailure: running.fail,
            })
          : makeNotifyStage({ ...common, notifier }),
    });
  });
  running.closeLater(async () => {
    stop.abort();
    await ticking;
    await Promise.all([...dispatching, ...delivering].map((consumer) => consumer.close()));
    await Promise.all(notifiers.map((notifier) => 'send' in notifier && notifier.close?.()));
  });
}

interface TickWish {
  dueMs: number;
}

/** The dispatcher learns the time from its topic: it gets a tick there when it has something to tell. */
async function tickWhenDue(log: Log, clock: Clock, signal: AbortSignal, wish: TickWish): Promise<void> {
  while (!signal.aborted) {
    await delay(lookEveryMs, undefined, { signal }).catch(() => {}); // rejects where it is aborted: the end of the loop
    const timeMs = clock.nowMs();
    if (signal.aborted || wish.dueMs > timeMs) continue;
    const { dueMs } = wish;
    // Until the dispatcher has read it and wishes anew.
    wish.dueMs = Number.POSITIVE_INFINITY;
    try {
      await log.append([encodeRecord(topics.dispatch, 0, { kind: 'tick', timeMs })]);
    } catch (error) {
      if (!(error instanceof WorldError && error.retryable)) throw error;
      wish.dueMs = dueMs;
    }
  }
}
