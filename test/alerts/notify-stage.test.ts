// Who is told what, once and in order, and what becomes of what cannot be told. The receiver is a small fake that
// fails as it is bid; the real ones are in test/infra/notify.test.ts.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { AlertsConfigInput } from '../../alerts/config.js';
import type { Notifier } from '../../alerts/ports.js';
import type { AlertRecord } from '../../domain/alert.js';
import { WorldError } from '../../domain/errors.js';
import type { NotificationRecord } from '../../domain/notification.js';
import { Rng } from '../../domain/rng.js';
import { alertOf, DeliveryYard } from './delivery-yard.js';
import { twoLevels } from './story.js';

class Receiver implements Notifier {
  readonly name = 'pager';
  readonly got: string[] = [];
  /** What the next attempts meet, first in front; afterwards `otherwise`. */
  trouble: (WorldError | undefined)[] = [];
  otherwise: WorldError | undefined;

  send({ alerts }: NotificationRecord): Promise<void> {
    const error = this.trouble.length > 0 ? this.trouble.shift() : this.otherwise;
    if (error) return Promise.reject(error);
    for (const alert of alerts) this.got.push(`${alert.machine} ${alert.sequence} ${alert.transition}`);
    return Promise.resolve();
  }
}

const down = new WorldError('unreachable', 'connection refused', { retryable: true });
const refusal = new WorldError('rejected', 'no such hook', { retryable: false });

const pager = { kind: 'webhook', name: 'pager', url: 'http://host/x' } as const;
const routed = (...routes: object[]): AlertsConfigInput =>
  ({
    notifiers: [pager],
    rules: [{ ...twoLevels, labels: { team: 'hydraulics' } }],
    routes: routes.map((route) => ({ notifiers: ['pager'], ...route })),
  }) as AlertsConfigInput;

const life: readonly AlertRecord[] = [
  alertOf(0, { state: 'pending', transition: 'pending' }),
  alertOf(1),
  alertOf(2, { severity: 'critical', transition: 'raised' }),
  alertOf(3, { severity: 'critical', transition: 'acknowledged' }),
  alertOf(4, { severity: 'critical', transition: 'amended' }),
  alertOf(5, { transition: 'lowered' }),
  alertOf(6, { state: 'resolved', transition: 'resolved' }),
];

async function told(config: AlertsConfigInput, alerts: readonly AlertRecord[] = life): Promise<string[]> {
  const receiver = new Receiver();
  const yard = new DeliveryYard(receiver, config);
  yard.append(...alerts);
  await yard.run();
  return receiver.got.map((line) => line.split(' ').at(-1) as string);
}

test('without routes everything is told except pending and amendments', async () => {
  assert.deepEqual(await told({}), ['fired', 'raised', 'acknowledged', 'lowered', 'resolved']);
});

test('a minimum severity begins the telling, and what follows is told down to the end', async () => {
  assert.deepEqual(await told(routed({ minSeverity: 'critical' })), [
    'raised',
    'acknowledged',
    'lowered',
    'resolved',
  ]);
  const mild = life.filter(({ severity }) => severity !== 'critical');
  assert.deepEqual(await told(routed({ minSeverity: 'critical' }), mild), []);
});

test('a condition that came and went while pending is not told', async () => {
  const pending = [life[0] as AlertRecord, alertOf(1, { state: 'resolved', transition: 'cancelled' })];
  assert.deepEqual(await told({}, pending), []);
});

test('not assessable is told where no severity is asked for', async () => {
  const blind = [
    alertOf(0, { state: 'not-assessable', severity: '', transition: 'not-assessable' }),
    alertOf(1, { state: 'resolved', severity: '', transition: 'assessable' }),
  ];
  assert.deepEqual(await told({}, blind), ['not-assessable', 'assessable']);
  assert.deepEqual(await told(routed({ minSeverity: 'info' }), blind), []);
});

test('routes choose by machine, rule, label and transition', async () => {
  assert.deepEqual(await told(routed({ machines: 'unit-9*' })), []);
  assert.deepEqual(await told(routed({ rules: 'far' })), []);
  assert.deepEqual(await told(routed({ labels: { team: 'electric' } })), []);
  assert.deepEqual(await told(routed({ labels: { team: 'hydraulics' }, transitions: ['resolved'] })), [
    'resolved',
  ]);
  assert.deepEqual(await told(routed({ transitions: ['fired'] }, { transitions: ['amended'] })), [
    'fired',
    'amended',
  ]);
  assert.deepEqual(await told({ notifiers: [pager], routes: [] }), []);
});

test('a failing receiver is tried with growing waits, and what follows waits its turn', async () => {
  const receiver = new Receiver();
  receiver.trouble = [down, down, down, down];
  const yard = new DeliveryYard(receiver);
  yard.append(alertOf(0), alertOf(1, { transition: 'raised', severity: 'critical' }));
  await yard.run();
  assert.deepEqual(receiver.got, ['unit-84 0 fired', 'unit-84 1 raised']);
  yard.waitsMs.forEach((waitMs, index) => {
    assert.ok(waitMs >= 500 * 2 ** index && waitMs <= 1000 * 2 ** index, `${waitMs} at ${index}`);
  });
  assert.equal(yard.waitsMs.length, 4);
});

test('Retry-After is a lower bound of the wait', async () => {
  const receiver = new Receiver();
  receiver.trouble = [new WorldError('throttled', 'slow down', { retryable: true, retryAfterMs: 42_000 })];
  const yard = new DeliveryYard(receiver);
  yard.append(alertOf(0));
  await yard.run();
  assert.deepEqual(yard.waitsMs, [42_000]);
});

test('a receiver that is down for an hour gets everything, in order, when it is back', async () => {
  const receiver = new Receiver();
  receiver.otherwise = down;
  const yard = new DeliveryYard(receiver);
  yard.onSleep = () => {
    if (yard.clock.nowMs() >= 3_600_000) receiver.otherwise = undefined;
  };
  yard.append(...life);
  await yard.run();
  assert.deepEqual(
    receiver.got.map((line) => line.split(' ').at(-1)),
    ['fired', 'raised', 'acknowledged', 'lowered', 'resolved'],
  );
  assert.deepEqual(yard.undelivered(), []);
});

test('what cannot be delivered for too long is recorded and counted, and the next is tried', async () => {
  const receiver = new Receiver();
  receiver.otherwise = down;
  const yard = new DeliveryYard(receiver, {}, '10m');
  yard.append(alertOf(0), alertOf(1, { transition: 'raised' }));
  yard.onSleep = () => {
    if (yard.clock.nowMs() > 600_000) receiver.otherwise = undefined;
  };
  await yard.run();
  assert.deepEqual(receiver.got, ['unit-84 1 raised']);
  assert.deepEqual(yard.counts(), { delivered: 1, undelivered: 1 });
  const [entry] = yard.undelivered();
  assert.equal(entry?.dedupeKey, 'near/unit-84/1000/0');
  assert.equal(entry?.why, 'gave-up');
  assert.equal(entry?.error, 'connection refused');
  assert.equal(entry?.recordedMs, 600_000, 'the last attempt is made at the end of the time');
  assert.ok(yard.outcomes.includes('near/unit-84/1000/0 gave-up'));
});

test('what is refused for good is recorded at once', async () => {
  const receiver = new Receiver();
  receiver.trouble = [refusal];
  const yard = new DeliveryYard(receiver);
  yard.append(alertOf(0), alertOf(1, { transition: 'raised' }));
  await yard.run();
  assert.deepEqual(yard.waitsMs, []);
  assert.deepEqual(receiver.got, ['unit-84 1 raised']);
  assert.equal(yard.undelivered()[0]?.why, 'refused');
});

test('a bug in a receiver stops the stage and skips nothing', async () => {
  const yard = new DeliveryYard({ name: 'pager', send: () => Promise.reject(new TypeError('bug')) });
  yard.append(alertOf(0));
  await assert.rejects(yard.run(), /TypeError: bug/);
  assert.equal(yard.waiting, 1);
});

test('stopping while a receiver is down leaves the rest for the next start', async () => {
  const receiver = new Receiver();
  receiver.trouble = [undefined, down, down];
  const yard = new DeliveryYard(receiver);
  yard.onSleep = () => yard.stop.abort();
  yard.append(alertOf(0), alertOf(1, { transition: 'raised' }), alertOf(2, { transition: 'lowered' }));
  await yard.run(3);
  assert.deepEqual(receiver.got, ['unit-84 0 fired']);
  assert.equal(yard.waiting, 2, 'what was delivered is checkpointed');
  yard.crash();
  yard.onSleep = () => {};
  await yard.run(3);
  assert.deepEqual(receiver.got, ['unit-84 0 fired', 'unit-84 1 raised', 'unit-84 2 lowered']);
});

test('the same transition twice in the log is told once, also across a restart', async () => {
  const receiver = new Receiver();
  const yard = new DeliveryYard(receiver);
  const open = life.slice(0, -1);
  yard.append(...open, ...open);
  await yard.run();
  yard.crash();
  yard.append(...open);
  await yard.run();
  assert.equal(receiver.got.length, 4);
});

test('of alerts that are over nothing is kept, of those that are open everything', async () => {
  const receiver = new Receiver();
  const yard = new DeliveryYard(receiver);
  yard.append(alertOf(0, { machine: 'open' }));
  for (let i = 0; i < 300; i++)
    yard.append(
      alertOf(0, { machine: `m${i}` }),
      alertOf(1, { machine: `m${i}`, state: 'resolved', transition: 'resolved' }),
    );
  await yard.run(5000);
  yard.crash();
  assert.deepEqual([...yard.state.keys()].filter((key) => /^[og]/.test(key)).sort(), [
    'g|pager|0|near/open/1000',
    'o|near/open/1000',
  ]);
  yard.clock.advanceTo(60_000);
  yard.append(alertOf(1, { machine: 'open', state: 'resolved', transition: 'resolved' }));
  await yard.run();
  assert.equal(receiver.got.at(-1), 'open 1 resolved');
});

const of = (machine: string, sequence: number, over: Partial<AlertRecord> = {}): AlertRecord =>
  alertOf(sequence, { machine, ...over });
const over: Partial<AlertRecord> = { state: 'resolved', transition: 'resolved' };
/** a is over, b is open and was amended last, c is pending, d cannot be assessed. */
const past: readonly AlertRecord[] = [
  of('a', 0),
  of('b', 0),
  of('a', 1, over),
  of('b', 1, { severity: 'critical', transition: 'raised' }),
  of('c', 0, { state: 'pending', transition: 'pending' }),
  of('d', 0, { state: 'not-assessable', severity: '', transition: 'not-assessable' }),
  of('b', 2, { severity: 'critical', transition: 'amended' }),
];
const future: readonly AlertRecord[] = [
  of('c', 1),
  of('b', 3, over),
  of('d', 1, { ...over, severity: '', transition: 'assessable' }),
  of('a', 0, { alertId: 'near/a/2000', timeMs: 2000 }),
];
/** Sorted: between alerts there is no order. */
const toldOfFuture = ['a 0 fired', 'b 3 resolved', 'c 1 fired', 'd 1 assessable'];

test('a receiver that is new is told what is open, at its present state, then everything', async () => {
  for (const batchRecords of [1, 3, 100]) {
    const receiver = new Receiver();
    const yard = new DeliveryYard(receiver);
    yard.appendBefore(...past);
    await yard.run(batchRecords);
    assert.deepEqual(receiver.got, ['d 0 not-assessable', 'b 2 amended']);
    yard.crash();
    yard.append(...future);
    await yard.run(batchRecords);
    assert.deepEqual(receiver.got.slice(2).sort(), toldOfFuture);
    assert.ok(!yard.state.has('before'));
  }
});

test('a receiver that is new is told no more of what is open than its routes let through', async () => {
  const receiver = new Receiver();
  const yard = new DeliveryYard(receiver, routed({ minSeverity: 'critical' }));
  yard.appendBefore(...past, of('e', 0));
  yard.append(of('e', 1, over), of('b', 3, over));
  await yard.run(100);
  assert.deepEqual(receiver.got, ['b 2 amended', 'b 3 resolved']);
});

test('a receiver that is new and down is told what was open when it joined, and what came meanwhile, once', async () => {
  const receiver = new Receiver();
  receiver.trouble = [undefined, down];
  const yard = new DeliveryYard(receiver);
  yard.appendBefore(...past);
  yard.onSleep = () => yard.stop.abort();
  await yard.run(2);
  assert.deepEqual(receiver.got, ['d 0 not-assessable']);
  yard.crash();
  yard.append(...future);
  yard.onSleep = () => {};
  await yard.run(2);
  assert.deepEqual(receiver.got.slice(0, 2), ['d 0 not-assessable', 'b 2 amended']);
  assert.deepEqual(receiver.got.slice(2).sort(), toldOfFuture);
});

test('random trouble and crashes: every transition arrives once, in order, at the receiver that answered', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const receiver = new Receiver();
    const yard = new DeliveryYard(receiver);
    const want: string[] = [];
    for (const machine of ['a', 'b', 'c'])
      for (const alert of life)
        if (alert.transition !== 'pending' && alert.transition !== 'amended')
          want.push(`${machine} ${alert.sequence} ${alert.transition}`);
    const queues = ['a', 'b', 'c'].map((machine) =>
      life.map(({ sequence, ...alert }) =>
        alertOf(sequence, {
          ...alert,
          machine,
          alertId: `near/${machine}/1000`,
          dedupeKey: `near/${machine}/1000/${sequence}`,
        }),
      ),
    );
    while (queues.some((queue) => queue.length > 0)) {
      const next = queues[rng.int(3)]?.shift();
      if (next) yard.append(next);
    }
    yard.onSleep = () => {
      if (rng.uniform() < 0.3) yard.stop.abort();
    };
    let waiting = true;
    while (waiting) {
      receiver.trouble = Array.from({ length: 4 }, () => (rng.uniform() < 0.5 ? down : undefined));
      await yard.run(1 + rng.int(4));
      waiting = yard.waiting > 0;
      yard.crash();
    }
    assert.deepEqual([...receiver.got].sort(), want.sort(), `seed ${seed}`);
    for (const machine of ['a', 'b', 'c']) {
      const order = receiver.got.filter((line) => line.startsWith(machine));
      assert.deepEqual(order, [...order].sort(), `seed ${seed}`);
    }
  }
});
