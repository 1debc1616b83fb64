/** Silences of a plant: made, ended and listed through the log, and what they and the configuration mute now. */
import { randomUUID } from 'node:crypto';
import { decodeSilence, silencePrefix } from '../alerts/dispatch-stage.js';
import { makeLabelsOf } from '../alerts/labels.js';
import { parseMatcher } from '../alerts/matcher.js';
import { Muting } from '../alerts/muting.js';
import type { Clock } from '../domain/clock.js';
import { UserError } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { plantTimeZone } from '../domain/machine-type.js';
import type { SilenceRecord } from '../domain/silence.js';
import type { Store } from '../domain/store.js';
import { encodeRecord, topics } from '../domain/topics.js';
import type { HttpServerParts } from '../infra/http/ports.js';
import type { Deployment } from './config.js';
import { groups } from './groups.js';

/** Open alerts that are looked at for what mutes them. */
const alertsMax = 1000;

export function silencesOf(parts: {
  readonly deployment: Deployment;
  readonly log: Log;
  readonly store: Store;
  readonly clock: Clock;
}): NonNullable<HttpServerParts['silences']> {
  const { deployment, log, store, clock } = parts;

  const list = async (): Promise<SilenceRecord[]> => {
    const found: SilenceRecord[] = [];
    const entries = log.state(groups.dispatch, { topic: topics.dispatch, partition: 0 }, silencePrefix);
    for await (const { value } of entries) found.push(decodeSilence(value));
    return found;
  };

  const write = (silence: SilenceRecord): Promise<void> =>
    log.append(
      [{ kind: 'tick', timeMs: clock.nowMs() } as const, silence].map((record) =>
        encodeRecord(topics.dispatch, 0, record),
      ),
    );

  return {
    list,
    add: async (given) => {
      for (const matcher of given.matchers.map(parseMatcher))
        if (typeof matcher === 'string') throw new UserError(matcher);
      const id = randomUUID();
      await write({ kind: 'silence', id, ...given });
      return id;
    },
    end: async (id) => {
      const nowMs = clock.nowMs();
      const silence = (await list()).find((one) => one.id === id && one.endsMs > nowMs);
      if (!silence) return 'unknown';
      await write({ ...silence, startsMs: Math.min(silence.startsMs, nowMs), endsMs: nowMs });
      return 'ended';
    },
    muted: async () => {
      const { alerts: config } = deployment.config;
      const muting = new Muting(config, plantTimeZone(deployment.types.values()), makeLabelsOf(config));
      for (const silence of await list()) muting.noteSilence(silence);
      const open = await store.alerts({ states: ['firing', 'not-assessable', 'pending'], limit: alertsMax });
      for (const alert of open) muting.noteAlert(alert);
      const nowMs = clock.nowMs();
      return Object.fromEntries(
        open.flatMap((alert) => {
          const muted = muting.mutedFor(alert, nowMs);
          return muted ? [[alert.alertId, { by: muted.by, name: muted.name }]] : [];
        }),
      );
    },
  };
}
