/** Starts a consumer per notifier; each delivers at its own pace. */
import { setTimeout as delay } from 'node:timers/promises';
import { makeNotifyStage, notifyGroup } from '../alerts/notify-stage.js';
import { assert } from '../domain/assert.js';
import { wallClock } from '../domain/clock.js';
import type { Log } from '../domain/log.js';
import { Rng } from '../domain/rng.js';
import { topics } from '../domain/topics.js';
import { makeNotifiers } from '../infra/notify/make-notifiers.js';
import type { Deployment } from './config.js';
import type { Logger } from './logger.js';
import type { Running } from './running.js';

/** Closing leaves the delivery under way to the next start; nothing is told twice by it. */
export function startNotifiers(parts: {
  readonly deployment: Deployment;
  readonly log: Log;
  readonly running: Running;
  readonly logger: Logger;
  publish(topic: string, payload: Uint8Array): Promise<void>;
}): void {
  const { deployment, log, running, logger } = parts;
  const { alerts } = deployment.config;
  const notifiers = makeNotifiers(alerts.notifiers, {
    logger,
    clock: wallClock,
    publish: (topic, payload) => parts.publish(topic, payload),
  });
  const stop = new AbortController();
  const world = {
    clock: wallClock,
    rng: new Rng(wallClock.nowMs()),
    sleep: (delayMs: number, signal: AbortSignal) => delay(delayMs, undefined, { signal }),
  };
  const consumers = notifiers.map((notifier, index) => {
    const settings = alerts.notifiers[index];
    assert(settings, 'a configuration for every notifier, in their order');
    const handlerFor = makeNotifyStage({
      notifier,
      retry: settings.retry,
      config: alerts,
      world,
      signal: stop.signal,
      onOutcome: (outcome, alert, error) => {
        const { name } = notifier;
        if (error)
          logger.warn(
            { notifier: name, alert: alert.alertId, outcome },
            `notifier ${name}: ${error.message}`,
          );
      },
    });
    return running.watch(log, {
      group: notifyGroup(notifier.name),
      topics: [topics.alerts],
      batchRecordsMax: 1,
      from: 'beginning',
      handlerFor,
    });
  });
  running.closeLater(async () => {
    stop.abort();
    await Promise.all(consumers.map((consumer) => consumer.close()));
  });
}
