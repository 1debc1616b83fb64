import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetClock } from '../../domain/clock.js';
import { WorldError } from '../../domain/errors.js';
import { partitionOf } from '../../domain/topics.js';
import { encodeClockMessage } from '../../ingest/clock-message.js';
import { Ticker } from '../../ingest/ticker.js';
import { bytes, makeIngest, nowMs, RecordingLog } from './plant.js';

const topic = 'factory/n/l/press-1';

/** A promise that the test opens. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe('ingest', () => {
  it('resolves only when the log has the message', async () => {
    const { ingest, log } = makeIngest();
    const disk = gate();
    log.before = () => disk.opened;
    let acknowledged = false;
    const outcome = ingest.handle(topic, bytes({ temp: 1, vib: 'x' })).then((result) => {
      acknowledged = true;
      return result;
    });
    await sleep(10);
    assert.equal(acknowledged, false);
    assert.equal(ingest.counters().received, 0);
    assert.equal(ingest.status().waiting, 1);
    disk.open();
    assert.deepEqual(await outcome, { received: 2, accepted: 1, rejected: ['not-a-number'] });
    assert.equal(log.of('inputs').length, 1);
    assert.equal(log.rejected().length, 1);
    assert.equal(ingest.status().waiting, 0);
  });

  it('puts a machine into its partition, readings and refusals alike', async () => {
    const { ingest, log } = makeIngest();
    await ingest.handle(topic, bytes({ temp: 1, vib: null }));
    await ingest.handle('factory/n/l/robot-7', bytes({ temp: 1 }));
    await ingest.handle('nowhere', bytes('1'));
    assert.deepEqual(
      log.records.map((record) => [record.topic, record.partition]),
      [
        ['inputs', partitionOf('press-1', 4)],
        ['rejected', partitionOf('press-1', 4)],
        ['rejected', partitionOf('robot-7', 4)],
        ['rejected', 0],
      ],
    );
  });

  it('keeps the order of arrival and shares appends while many messages wait', async () => {
    const { ingest, log } = makeIngest();
    log.before = () => sleep(1);
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 5000 }, (_, i) =>
        ingest.handle('factory/n/l/press-1/count', bytes(String(i))).then(() => order.push(i)),
      ),
    );
    const values = log
      .of('inputs')
      .map(({ record }) => (record.kind === 'readings' ? record.values[0] : undefined));
    assert.deepEqual(values, [...Array(5000).keys()]);
    assert.deepEqual(order, values);
    assert.ok(log.appends < 50, `${log.appends} appends`);
  });

  it('waits out a log that is away: nothing lost, order kept, and says so', async () => {
    const { ingest, log } = makeIngest();
    let failures = 4;
    log.before = () =>
      failures-- > 0
        ? Promise.reject(new WorldError('unreachable', 'the log is away', { retryable: true }))
        : Promise.resolve();
    const first = ingest.handle('factory/n/l/press-1/count', bytes('1'));
    await sleep(5);
    assert.deepEqual(
      { state: ingest.status().state, problem: ingest.status().problem },
      { state: 'log-unavailable', problem: 'the log is away' },
    );
    await Promise.all([first, ingest.handle('factory/n/l/press-1/count', bytes('2')), ingest.tick(nowMs)]);
    const values = log
      .of('inputs')
      .map(({ record }) => (record.kind === 'readings' ? record.values[0] : record.kind));
    assert.deepEqual(values, [1, 2, 'tick', 'tick', 'tick', 'tick']);
    assert.equal(ingest.status().state, 'running');
  });

  it('acknowledges nothing more once the log has failed for good', async () => {
    const { ingest, log } = makeIngest();
    log.before = () => Promise.reject(new WorldError('corrupt', 'the log is torn', { retryable: false }));
    const outcomes = await Promise.allSettled([ingest.handle(topic, bytes('{}')), ingest.tick(nowMs)]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as Error).message),
      ['the log is torn', 'the log is torn'],
    );
    await assert.rejects(ingest.handle(topic, bytes({ temp: 1 })), /torn/);
    assert.equal(ingest.status().state, 'failed');
    assert.equal(ingest.counters().received, 0);
  });

  it('finishes what is under way on close, and takes no more', async () => {
    const { ingest, log } = makeIngest();
    log.before = () => sleep(10);
    const last = ingest.handle(topic, bytes({ temp: 1 }));
    await ingest.close();
    await ingest.close();
    assert.equal((await last).accepted, 1);
    await assert.rejects(ingest.handle(topic, bytes({ temp: 1 })), { code: 'closed' });
  });

  it('does not hang on close while the log is away', async () => {
    const { ingest, log } = makeIngest();
    log.before = () =>
      Promise.reject(new WorldError('unreachable', 'away', { retryable: true, retryAfterMs: 60_000 }));
    const lost = assert.rejects(ingest.handle(topic, bytes({ temp: 1 })), { code: 'closed' });
    await sleep(5);
    await ingest.close();
    await lost;
  });

  it('writes a tick to every partition', async () => {
    const { ingest, log } = makeIngest({}, { partitionCount: 3 });
    await ingest.tick(nowMs);
    assert.deepEqual(log.of('inputs'), [
      { partition: 0, record: { kind: 'tick', timeMs: nowMs } },
      { partition: 1, record: { kind: 'tick', timeMs: nowMs } },
      { partition: 2, record: { kind: 'tick', timeMs: nowMs } },
    ]);
    assert.equal(ingest.counters().ticks, 1);
  });

  it('counts what the log has, and nothing twice', async () => {
    const { ingest } = makeIngest();
    await ingest.handle(topic, bytes([{ time: nowMs, temp: 1, vib: 2 }, 5]));
    await ingest.handle(topic, bytes('{'));
    await ingest.handle('millwright/alerts/press-1', bytes('{}'));
    await ingest.handle(`${topic}/event`, bytes({ event: 'failure' }));
    const counters = ingest.counters();
    assert.deepEqual(
      [counters.messages, counters.received, counters.accepted, counters.ignored],
      [4, 5, 3, 1],
    );
    assert.equal(counters.rejected['wrong-shape'], 1);
    assert.equal(counters.rejected['not-json'], 1);
  });
});

describe('time from messages', () => {
  const start = Date.UTC(1990, 0, 1);
  const clockMessage = (timeMs: number): Buffer => bytes(encodeClockMessage(timeMs));

  it('moves the clock and writes ticks before it acknowledges', async () => {
    const clock = new SetClock(start);
    const { ingest, log } = makeIngest({ time: 'messages' }, { clock, partitionCount: 2 });
    const disk = gate();
    log.before = () => disk.opened;
    let acknowledged = false;
    const moved = ingest.handle('millwright/clock', clockMessage(start + 1000)).then(() => {
      acknowledged = true;
    });
    await sleep(5);
    assert.equal(acknowledged, false);
    disk.open();
    await moved;
    assert.equal(clock.nowMs(), start + 1000);
    assert.deepEqual(
      log.of('inputs').map(({ record }) => record.kind === 'tick' && record.timeMs),
      [start + 1000, start + 1000],
    );
  });

  it('gives messages the time that those before them set, and nothing is in the future', async () => {
    const { ingest, log } = makeIngest(
      { time: 'messages' },
      { clock: new SetClock(start), partitionCount: 1 },
    );
    await Promise.all([
      ingest.handle(topic, bytes({ time: start + 9e9, temp: 1 })),
      ingest.handle('millwright/clock', clockMessage(start + 1000)),
      ingest.handle(topic, bytes({ temp: 2 })),
    ]);
    const seen = log
      .of('inputs')
      .map(({ record }) => (record.kind === 'readings' ? record.timesMs[0] : record.kind));
    assert.deepEqual(seen, [start + 9e9, 'tick', start + 1000]);
    assert.equal(log.rejected().length, 0);
  });

  it('never goes back, and old is old by that clock', async () => {
    const clock = new SetClock(0);
    const { ingest, log } = makeIngest({ time: 'messages', tooOldMs: '1d' }, { clock, partitionCount: 1 });
    const old = bytes({ time: start, temp: 1 });
    assert.equal((await ingest.handle(topic, old)).accepted, 1);
    await ingest.handle('millwright/clock', clockMessage(start + 2 * 86_400_000));
    await ingest.handle('millwright/clock', clockMessage(start));
    assert.equal(clock.nowMs(), start + 2 * 86_400_000);
    assert.deepEqual((await ingest.handle(topic, old)).rejected, ['too-old']);
    assert.equal(log.rejected()[0]?.ingestTimeMs, start + 2 * 86_400_000);
  });

  it('refuses clock messages that say no time, and all of them where the computer has the time', async () => {
    const replay = makeIngest({ time: 'messages' });
    for (const payload of [
      bytes('{'),
      bytes({}),
      bytes({ timeMs: 'now' }),
      bytes({ timeMs: -5 }),
      bytes({ timeMs: 1, x: 1 }),
    ])
      assert.equal((await replay.ingest.handle('millwright/clock', payload)).rejected.length, 1);
    const live = makeIngest();
    assert.deepEqual((await live.ingest.handle('millwright/clock', clockMessage(start))).rejected, [
      'topic-unmatched',
    ]);
    assert.match(live.log.rejected()[0]?.detail ?? '', /ingest.time set to "messages"/);
  });
});

describe('ticker', () => {
  it('ticks at once and then at multiples of the interval', async () => {
    const times: number[] = [];
    const clock = { nowMs: () => Math.floor(performance.timeOrigin + performance.now()) };
    const ticker = new Ticker({
      clock,
      intervalMs: 20,
      tick: async (timeMs) => {
        times.push(timeMs);
        await sleep(3);
      },
    });
    ticker.start();
    ticker.start();
    // One may come a moment before its time, and then two are of one interval.
    while (times.length < 9) await sleep(5);
    await ticker.stop();
    await ticker.done;
    const count = times.length;
    await sleep(50);
    assert.equal(times.length, count, 'no tick after stop');
    assert.ok(times.every((time, i) => i === 0 || time > (times[i - 1] as number)));
    const slots = new Set(times.slice(1).map((time) => Math.floor(time / 20)));
    assert.ok(slots.size >= 3, 'ticks fall into different intervals');
  });

  it('does not pile up ticks while the log is away', async () => {
    const log = new RecordingLog();
    const { ingest } = makeIngest({}, { log, partitionCount: 1 });
    const disk = gate();
    log.before = () => disk.opened;
    const ticker = new Ticker({
      clock: new SetClock(nowMs),
      intervalMs: 1,
      tick: (timeMs) => ingest.tick(timeMs),
    });
    ticker.start();
    await sleep(30);
    assert.equal(ingest.status().waiting, 1);
    disk.open();
    await ticker.stop();
  });

  it('ends with the error of a tick', async () => {
    const ticker = new Ticker({
      clock: new SetClock(nowMs),
      intervalMs: 1,
      tick: () => Promise.reject(new Error('log lost')),
    });
    ticker.start();
    await assert.rejects(ticker.done, /log lost/);
    await ticker.stop();
  });
});
