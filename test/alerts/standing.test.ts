// What a receiver that forgets is told, and when again. The receiver is a small fake; the real one is in
// test/scenarios/alertmanager.slow.test.ts.
import { strict as assert } from 'node:assert';
import type { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { retrySchema } from '../../alerts/notifier-config.js';
import type { StandingAlert, StandingNotifier } from '../../alerts/ports.js';
import { makeStandingStage } from '../../alerts/standing-stage.js';
import type { AlertRecord } from '../../domain/alert.js';
import { SetClock } from '../../domain/clock.js';
import { WorldError } from '../../domain/errors.js';
import type { PartitionHandler } from '../../domain/log.js';
import { Rng } from '../../domain/rng.js';
import { encodeRecord, topics } from '../../domain/topics.js';
import { alertOf, noticeOf } from './delivery-yard.js';

const minuteMs = 60_000;

/** The stage with a clock moved by hand, and what its receiver was told. */
class Yard implements StandingNotifier {
  readonly name = 'pager';
  readonly resendMs = minuteMs;
  readonly clock = new SetClock(0);
  readonly told: string[] = [];
  trouble: WorldError | undefined;
  routed = true;
  readonly #state = new Map<string, Buffer>();
  #handler: PartitionHandler | undefined;
  #offset = 0;
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  tell(alerts: readonly StandingAlert[]): Promise<void> {
    if (this.trouble) return Promise.reject(this.trouble);
    this.told.push(alerts.map(wordsOf).join('; '));
    return Promise.resolve();
  }

  begin(): void {
    this.#handler?.close();
    this.#sleepers = [];
    const sleep = (delayMs: number): Promise<void> =>
      new Promise((wake) => this.#sleepers.push({ atMs: this.clock.nowMs() + delayMs, wake }));
    this.#handler = makeStandingStage({
      notifier: this,
      retry: retrySchema.parse({}),
      world: { clock: this.clock, rng: new Rng(1), sleep },
      signal: new AbortController().signal,
      labelsOf: ({ machine, rule, severity, state }) => ({ machine, rule, severity, state, team: 'a' }),
      routed: () => this.routed,
      onFailure: (error) => assert.fail(String(error)),
    })();
    this.#handler.restore([...this.#state].map(([key, value]) => ({ key, value })));
  }

  async happens(alert: AlertRecord): Promise<void> {
    const record = encodeRecord(topics.notifications, 0, noticeOf(alert));
    const batch = {
      topic: topics.notifications,
      partition: 0,
      records: [{ ...record, offset: this.#offset++ }],
    };
    const checkpoint = await this.#handler?.process(batch);
    for (const { key, value } of checkpoint?.state ?? [])
      if (value) this.#state.set(key, value);
      else this.#state.delete(key);
  }

  async passes(ms: number): Promise<void> {
    const untilMs = this.clock.nowMs() + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = this.#sleepers.sort((a, b) => a.atMs - b.atMs);
      if (!next || next.atMs > untilMs) break;
      this.#sleepers.shift();
      this.clock.advanceTo(next.atMs);
      next.wake();
    }
    this.clock.advanceTo(untilMs);
  }

  /** What it was told since the last call. */
  heard(): string[] {
    return this.told.splice(0);
  }
}

function wordsOf({ labels, alert, endedMs }: StandingAlert): string {
  const { alertname, machine, severity, ...others } = labels;
  assert.deepEqual([alertname, others], ['near', { team: 'a' }], 'neither its state nor its rule twice');
  return `${machine} ${severity || '-'} ${alert.sequence}${endedMs === null ? '' : ` over ${endedMs / minuteMs}m`}`;
}

function begun(): Yard {
  const yard = new Yard();
  yard.begin();
  return yard;
}

test('what stands is told at once, and again every minute', async () => {
  const yard = begun();
  await yard.happens(alertOf(0));
  await yard.happens(alertOf(0, { machine: 'unit-9' }));
  assert.deepEqual(yard.heard(), ['unit-84 warning 0', 'unit-9 warning 0']);
  await yard.passes(2 * minuteMs);
  assert.deepEqual(yard.heard(), Array(2).fill('unit-84 warning 0; unit-9 warning 0'));
});

test('what is raised ends under its old severity; an acknowledgement changes what is told again', async () => {
  const yard = begun();
  await yard.happens(alertOf(0));
  await yard.happens(alertOf(1, { severity: 'critical', transition: 'raised' }));
  await yard.happens(alertOf(2, { severity: 'critical', transition: 'acknowledged' }));
  assert.deepEqual(yard.heard(), [
    'unit-84 warning 0',
    'unit-84 warning 1 over 0m; unit-84 critical 1',
    'unit-84 critical 2',
  ]);
  await yard.happens(alertOf(3, { transition: 'lowered' }));
  assert.deepEqual(yard.heard(), ['unit-84 critical 3 over 0m; unit-84 warning 3']);
});

test('not assessable stands as it stood before; pending does not stand', async () => {
  const yard = begun();
  await yard.happens(alertOf(0));
  await yard.happens(alertOf(1, { state: 'not-assessable', transition: 'not-assessable' }));
  await yard.happens(alertOf(2, { state: 'pending', transition: 'lowered', severity: '' }));
  assert.deepEqual(yard.heard(), ['unit-84 warning 0', 'unit-84 warning 1', 'unit-84 warning 2 over 0m']);
});

test('an end is told again for a quarter of an hour, also after a restart, and then forgotten', async () => {
  const yard = begun();
  await yard.happens(alertOf(0));
  await yard.passes(10 * minuteMs);
  await yard.happens(alertOf(1, { state: 'resolved', transition: 'resolved' }));
  yard.heard();
  await yard.passes(minuteMs);
  yard.begin();
  await yard.passes(20 * minuteMs);
  assert.deepEqual(yard.heard(), Array(14).fill('unit-84 warning 1 over 10m'));
  // The next of the same labels stands, and nothing of the one before is told beside it.
  await yard.happens(alertOf(0, { alertId: 'near/unit-84/2000' }));
  await yard.happens(alertOf(1, { alertId: 'near/unit-84/2000', state: 'resolved', transition: 'resolved' }));
  await yard.happens(alertOf(0, { alertId: 'near/unit-84/3000' }));
  yard.heard();
  await yard.passes(minuteMs);
  assert.deepEqual(yard.heard(), ['unit-84 warning 0']);
});

test('after a restart all that stands is told again, but for what no route leads to any more', async () => {
  const yard = begun();
  await yard.happens(alertOf(0));
  yard.heard();
  yard.begin();
  await yard.passes(minuteMs);
  assert.deepEqual(yard.heard(), ['unit-84 warning 0']);
  yard.routed = false;
  yard.begin();
  await yard.passes(minuteMs);
  assert.deepEqual(yard.heard(), []);
});

test('a receiver that is away is told of the end when it is back, and nothing overtakes it', async () => {
  const yard = begun();
  await yard.happens(alertOf(0));
  yard.trouble = new WorldError('unreachable', 'connection refused', { retryable: true });
  const ended = yard.happens(alertOf(1, { state: 'resolved', transition: 'resolved' }));
  await yard.passes(2 * minuteMs);
  yard.trouble = undefined;
  await yard.passes(3 * minuteMs);
  await ended;
  assert.deepEqual([...new Set(yard.heard())], ['unit-84 warning 0', 'unit-84 warning 1 over 0m']);
});
