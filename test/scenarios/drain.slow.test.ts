// Ctrl-C under load: the program takes no more, finishes what it has taken, says what became of it, and goes on from
// there when it is started again. Time is the wall clock's.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadDeployment } from '../../app/config.js';
import { computeLedger, type Ledger } from '../../app/ledger.js';
import { wallClock } from '../../domain/clock.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { askPage, brokerOf, type Ended, logLines, startMillwright } from './millwright-process.js';
import { makePlant, type Plant, removePlant } from './plant.js';
import { type Message, Publisher } from './publisher.js';

/** Counts what was handed to a socket and what was acknowledged, in readings. */
class Load {
  sent = 0;
  acknowledged = 0;
  readonly publisher = new Publisher<Message>(
    () => {
      this.sent += 2;
    },
    () => {
      this.acknowledged += 2;
    },
  );
  #timeMs = wallClock.nowMs() - 3_600_000;

  publish(count: number): void {
    for (let i = 0; i < count; i++) {
      const payload = JSON.stringify({ time: this.#timeMs++, temp: 20, vib: 3 });
      this.publisher.publish({ topic: `factory/north/a/pump-${i % 9}`, payload });
    }
  }

  /** Publishes until `count` more readings are acknowledged; leaves `open` messages without an acknowledgement. */
  async run(count: number, open: number): Promise<void> {
    const wanted = this.acknowledged + count;
    while (this.acknowledged < wanted) {
      this.publish(100);
      await this.publisher.drained(400);
      assert(this.publisher.connected, 'the broker keeps the connection');
    }
    this.publish(open);
  }
}

/** The number of readings in the last sentence of a run. */
function receivedAtEnd({ stderr }: Ended): number {
  const sentence = logLines(stderr).find(({ msg }) => msg.startsWith('stopped; '))?.msg ?? '';
  const found = /accounted for: ([\d,]+) received = /.exec(sentence);
  assert(found, stderr);
  return Number(found[1]?.replaceAll(',', ''));
}

/** From the log itself, when nothing writes it. */
async function askLedger({ file }: Plant): Promise<Ledger> {
  const dir = join(loadDeployment(file).config.dataDir, 'log');
  const log = await openEmbeddedLog({ dir, mode: 'read-only' });
  try {
    return await computeLedger(log);
  } finally {
    await log.close();
  }
}

test('Ctrl-C under load drains, says the ledger and ends with 130; started again it goes on, nothing lost', {
  timeout: 300_000,
}, async (t) => {
  const plant = makePlant('wall');
  t.after(() => removePlant(plant));
  const load = new Load();
  for (let round = 0; round < 2; round++) {
    const running = startMillwright(t, ['run', '-c', plant.file]);
    await load.publisher.connect(await brokerOf(running));
    await load.run(4000, 1000);
    running.kill('SIGINT');
    const end = await running.ended;
    load.publisher.cut();
    assert.equal(end.exitCode, 130, end.stderr);
    const received = receivedAtEnd(end);
    const where = `${received} received, ${load.acknowledged} acknowledged, ${load.sent} sent`;
    assert(load.acknowledged <= received && received <= load.sent, where);
    const ledger = await askLedger(plant);
    assert.equal(ledger.received, received, 'what it said is so');
    t.diagnostic(`${where}, ${load.publisher.openCount} messages open`);
  }

  const running = startMillwright(t, ['run', '-c', plant.file]);
  await load.publisher.connect(await brokerOf(running));
  await load.publisher.drained(0);
  const distinct = load.acknowledged;
  // The next tick takes in what waits; then all of it is accounted for.
  let ledger = await askPage(running);
  while (ledger.waiting > 0) {
    await sleep(20);
    ledger = await askPage(running);
  }
  running.kill('SIGINT');
  assert.equal((await running.ended).exitCode, 130);
  load.publisher.cut();
  assert.equal(ledger.accepted, distinct, 'each reading once');
  assert.equal(ledger.received, ledger.accepted + ledger.duplicate, 'and none refused');
  assert.deepEqual(await askLedger(plant), ledger);
});

test('a second Ctrl-C ends it at once, and nothing that was acknowledged is lost', {
  timeout: 300_000,
}, async (t) => {
  const plant = makePlant('wall');
  t.after(() => removePlant(plant));
  const load = new Load();
  const running = startMillwright(t, ['run', '-c', plant.file]);
  await load.publisher.connect(await brokerOf(running));
  await load.run(2000, 2000);
  running.kill('SIGINT');
  await running.said('stopping');
  running.kill('SIGINT');
  const end = await running.ended;
  assert.equal(end.exitCode, 130, end.stderr);
  const ledger = await askLedger(plant);
  const where = `${JSON.stringify(ledger)}, ${load.acknowledged} acknowledged, ${load.sent} sent`;
  assert(load.acknowledged <= ledger.received && ledger.received <= load.sent, where);
});
