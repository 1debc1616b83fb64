// A replay publishes everything once, in order, tells the clock between steps, keeps its pace and its bounds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  datasetMessages,
  factoryTopic,
  recordPayload,
  type TimedMessage,
} from '../../app/replay-messages.js';
import { replayTo, stepCloses } from '../../app/replay-schedule.js';
import { SetClock } from '../../domain/clock.js';
import { readCmapss } from '../../infra/files/cmapss.js';
import { clockTopic } from '../../ingest/clock-message.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const daily = stepCloses({ step: { kind: 'fixed', durationMs: dayMs }, graceMs: 0 });

const at = (timeMs: number): TimedMessage => ({ timeMs, topic: `t/${timeMs}`, payload: '{}' });

/** A broker that acknowledges later, and remembers in which order it got and acknowledged what. */
class SlowBroker {
  readonly log: string[] = [];
  inFlightMax = 0;
  #inFlight = 0;

  readonly publish = async (topic: string, payload: string): Promise<void> => {
    const name = topic === clockTopic ? `clock ${(JSON.parse(payload) as { timeMs: number }).timeMs}` : topic;
    this.log.push(name);
    this.inFlightMax = Math.max(this.inFlightMax, ++this.#inFlight);
    for (let i = 0; i < 1 + (this.log.length % 7); i++) await new Promise((done) => setImmediate(done));
    this.#inFlight--;
    this.log.push(`ack ${name}`);
  };
}

test('the clock is told at the start and at the end of each step, after all before it is acknowledged and before all after it', async () => {
  const broker = new SlowBroker();
  const times = [0, 1, 2, dayMs - 1, dayMs, dayMs + 5, 4 * dayMs + 1];
  const report = await replayTo(broker.publish, times.map(at), { speed: 'max', clockMessages: daily });
  const clocks = broker.log.filter((entry) => entry.startsWith('clock'));
  assert.deepEqual(
    clocks,
    [0, 1, 2, 3, 4, 5].map((day) => `clock ${day * dayMs}`),
  );
  for (const time of times)
    for (const clock of [1, 2, 3, 4, 5].map((day) => day * dayMs)) {
      const [message, told] = [`t/${time}`, `clock ${clock}`];
      if (time < clock)
        assert.ok(broker.log.indexOf(`ack ${message}`) < broker.log.indexOf(told), `${message} ${told}`);
      else assert.ok(broker.log.indexOf(message) > broker.log.indexOf(`ack ${told}`), `${message} ${told}`);
    }
  assert.deepEqual(
    { ...report },
    { timeMs: 5 * dayMs, publishedCount: 7, clockCount: 6, behindMs: 0, firstMs: 0, stoppedBy: 'end' },
  );
});

test('property: every message is published once, in order, whatever the times and bounds (300 replays)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 10 * dayMs }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 8 }),
      async (unordered, inFlightMax) => {
        const times = [...unordered].sort((a, b) => a - b);
        const broker = new SlowBroker();
        const report = await replayTo(broker.publish, times.map(at), {
          speed: 'max',
          clockMessages: daily,
          inFlightMax,
        });
        assert.deepEqual(
          broker.log.filter((entry) => entry.startsWith('t/')),
          times.map((time) => `t/${time}`),
        );
        assert.ok(broker.inFlightMax <= inFlightMax);
        assert.equal(report.publishedCount, times.length);
        const clocks = broker.log
          .filter((entry) => entry.startsWith('clock'))
          .map((entry) => Number(entry.slice(6)));
        assert.deepEqual(
          clocks,
          [...new Set(clocks)].sort((a, b) => a - b),
        );
        if (times.length > 0) assert.ok((clocks.at(-1) ?? 0) > (times.at(-1) ?? 0), 'the last step ends too');
        else assert.deepEqual(clocks, []);
      },
    ),
    { numRuns: 300 },
  );
});

test('a day in a second: messages wait for their time, and the report says when the replay falls behind', async () => {
  const clock = new SetClock(1000);
  const pauses: number[] = [];
  const published: [string, number][] = [];
  const behind: number[] = [];
  await replayTo(
    async (topic) => {
      published.push([topic, clock.nowMs()]);
      if (topic === `t/${dayMs}`) clock.advanceTo(clock.nowMs() + 3000);
    },
    [0, dayMs / 2, dayMs, 2 * dayMs, 10 * dayMs].map(at),
    {
      speed: 86_400,
      clock,
      pause: async (ms) => {
        pauses.push(ms);
        clock.advanceTo(clock.nowMs() + ms);
      },
      onProgress: (progress) => behind.push(progress.behindMs),
    },
  );
  assert.deepEqual(published, [
    ['t/0', 1000],
    [`t/${dayMs / 2}`, 1500],
    [`t/${dayMs}`, 2000],
    [`t/${2 * dayMs}`, 5000],
    [`t/${10 * dayMs}`, 11_000],
  ]);
  assert.deepEqual(pauses, [500, 500, 6000]);
  assert.deepEqual(behind, [0, 0, 0, 2000, 0]);
});

test('a signal stops it after what is in flight, also while it waits', async () => {
  const controller = new AbortController();
  const broker = new SlowBroker();
  const report = await replayTo(broker.publish, [0, 1, 1000 * dayMs].map(at), {
    speed: 1,
    signal: controller.signal,
    onProgress: ({ publishedCount }) => {
      if (publishedCount === 2) setImmediate(() => controller.abort());
    },
  });
  assert.equal(report.stoppedBy, 'signal');
  assert.equal(report.publishedCount, 2);
  assert.deepEqual(broker.log.filter((entry) => entry.startsWith('ack')).sort(), ['ack t/0', 'ack t/1']);
});

test('a broker that refuses ends the replay with its error', async () => {
  const refuse = async (topic: string): Promise<void> => {
    if (topic === 't/3') throw new Error('not authorised');
  };
  await assert.rejects(
    replayTo(refuse, [1, 2, 3, 4, 5].map(at), { speed: 'max', inFlightMax: 1 }),
    /not authorised/,
  );
  const refuseClock = async (topic: string): Promise<void> => {
    if (topic === clockTopic) throw new Error('no clock');
  };
  await assert.rejects(replayTo(refuseClock, [at(1)], { speed: 'max', clockMessages: daily }), /no clock/);
});

test('steps close at their end plus grace; a day with a clock change has 23 hours', () => {
  const graced = stepCloses({ step: { kind: 'fixed', durationMs: dayMs }, graceMs: hourMs });
  assert.equal(graced(0), hourMs, 'the step before is still waiting for its grace');
  assert.equal(graced(hourMs), dayMs + hourMs);
  const berlin = stepCloses({ step: { kind: 'calendar-day', timeZone: 'Europe/Berlin' }, graceMs: 0 });
  const start = Date.UTC(2026, 2, 28, 23);
  assert.equal(berlin(start), Date.UTC(2026, 2, 29, 22));
  assert.equal(berlin(start - 1), start);
  assert.equal(berlin(berlin(start)) - berlin(start), dayMs);
});

test('a data set becomes messages on the default topics', async () => {
  const dataset = await readCmapss({ dir: 'data/cmapss', subset: 'FD001', part: 'train', units: [39] });
  const messages: TimedMessage[] = [];
  for await (const message of datasetMessages(dataset, (id) => factoryTopic({ id, site: 'nasa', line: '' })))
    messages.push(message);
  assert.equal(messages.length, 129);
  const [first, last] = [messages[0], messages.at(-1)];
  assert.equal(first?.topic, 'factory/nasa/plant/unit-39');
  assert.equal(JSON.parse(first?.payload ?? '').time, first?.timeMs);
  assert.equal(Object.keys(JSON.parse(first?.payload ?? '')).length, 25);
  assert.equal(last?.topic, 'factory/nasa/plant/unit-39/event');
  assert.deepEqual(JSON.parse(last?.payload ?? ''), { time: last?.timeMs, event: 'failure' });
  assert.equal(
    recordPayload({ kind: 'event', machine: 'm', timeMs: 5, event: 'error', code: 'E1' }),
    '{"time":5,"event":"error","code":"E1"}',
  );
});
