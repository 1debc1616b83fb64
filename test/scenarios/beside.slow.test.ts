// What people ask while the plant runs: every command that reads, beside a plant that takes messages all the time; and
// after kill -9. That nothing acknowledged is lost by it is also what ledger.slow.test.ts looks at, with kills in
// mid-read.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Ledger } from '../../app/ledger.js';
import { brokerOf, runMillwright, startMillwright } from './millwright-process.js';
import { hourMs, makePlant, type Plant, pumpHistory, removePlant, trainPumps } from './plant.js';
import { type Message, Publisher } from './publisher.js';

/** When the pumps of the history begin, in the plant's time. */
const startMs = 500_000 * hourMs;
/** The last hour of the history: what comes after it waits in the log, because no tick follows. */
const endMs = startMs + 48 * hourMs;

test('ledger, rejected, predict, doctor, train and backtest beside a plant under load', {
  timeout: 600_000,
}, async (t) => {
  const plant = makePlant();
  t.after(() => removePlant(plant));
  await trainPumps(plant);
  await writeHistory(plant);
  const running = startMillwright(t, ['run', '-c', plant.file]);
  const broker = await brokerOf(running);

  const command = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await runMillwright(t, [...args, '-c', plant.file]);
    assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  await command('replay', '--data', join(plant.dir, 'history.yaml'), '--url', broker.href, '--speed', 'max');
  const before = JSON.parse(await command('ledger', '--json')) as Ledger;
  assert(
    before.received > 500 && before.accepted + before.waiting === before.received,
    JSON.stringify(before),
  );

  let sent = 0;
  let acknowledged = 0;
  const publisher = new Publisher<Message>(
    () => void sent++,
    () => void acknowledged++,
  );
  await publisher.connect(broker);
  let asking = true;
  const load = (async () => {
    for (let i = 0; asking; i++) {
      // One in ten is out of range.
      const payload = JSON.stringify({ time: endMs + i, value: i % 10 === 0 ? 999 : 3 });
      publisher.publish({ topic: `factory/north/a/pump-${i % 10}/vib`, payload });
      await publisher.drained(100);
      assert(publisher.connected, 'the broker keeps the connection');
    }
  })();
  const askLedger = async (): Promise<Ledger> => {
    const atLeast = before.received + acknowledged;
    const found = JSON.parse(await command('ledger', '--json')) as Ledger;
    const { received, accepted, rejected, duplicate, late, waiting } = found;
    const where = `${JSON.stringify(found)}, between ${atLeast} and ${before.received + sent}`;
    assert.equal(received, accepted + rejected + duplicate + late + waiting, where);
    assert(atLeast <= received && received <= before.received + sent, where);
    return found;
  };

  for (let round = 0; round < 3; round++) await askLedger();
  const rejectedAtLeast = Math.floor(acknowledged / 10) - 100;
  const { counts } = JSON.parse(await command('rejected', '--json')) as { counts: Record<string, number> };
  assert((counts['out-of-range'] ?? 0) >= rejectedAtLeast, JSON.stringify(counts));
  const forecast = JSON.parse(await command('predict', 'pump-3', '--json')) as { machine: string };
  assert.equal(forecast.machine, 'pump-3');
  assert.match(await command('doctor'), /every reading and event accounted for/);
  const training = join(plant.dir, 'training.yaml');
  writeFileSync(training, 'hiddenSize: 4\nbatchSize: 8\nsteps: 4\nvalidateEverySteps: 2\n');
  // After four steps it is no better than no network, and would not be taken into use.
  await command('train', '--training', training, '--force');
  const history = join(plant.dir, 'history.yaml');
  await command('backtest', '--baseline-data', history, '--origins', 'all');
  // Several at once, as people and scripts do.
  await Promise.all([askLedger(), askLedger(), command('rejected'), command('predict', 'pump-1')]);
  asking = false;
  await load;
  await publisher.drained(0);
  const found = await askLedger();
  assert.equal(found.received, before.received + acknowledged, 'all that was acknowledged, and no more');

  running.kill('SIGKILL');
  await running.ended;
  assert.deepEqual(await askLedger(), found, 'the same from the folder itself');
  const again = startMillwright(t, ['run', '-c', plant.file]);
  await brokerOf(again);
  assert.equal((await askLedger()).received, found.received, 'and from the plant that was started again');
  again.kill('SIGTERM');
  assert.equal((await again.ended).exitCode, 0);
  t.diagnostic(`${JSON.stringify(found)}, ${acknowledged} acknowledged while it was asked`);
});

/** The pumps' history as tables, and a data-set file that names them. */
async function writeHistory({ dir }: Plant): Promise<void> {
  const readings = ['time,machine,temp,vib'];
  const events = ['time,machine,event,code'];
  for await (const record of pumpHistory().records()) {
    const time = new Date(startMs + record.timeMs).toISOString();
    if (record.kind === 'readings')
      readings.push(`${time},${record.machine},${record.values.temp},${record.values.vib}`);
    else events.push(`${time},${record.machine},${record.event},${record.code}`);
  }
  writeFileSync(join(dir, 'readings.csv'), readings.join('\n'));
  writeFileSync(join(dir, 'events.csv'), events.join('\n'));
  writeFileSync(
    join(dir, 'history.yaml'),
    'kind: csv\nname: Pumps\nreadings:\n  - file: readings.csv\nevents:\n  - file: events.csv\n',
  );
}
