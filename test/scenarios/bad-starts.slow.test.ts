// What goes wrong when the program starts, in a process of its own: the documented exit code (docs/guide/commands.md), a
// sentence that says what to do, no stack, and what was there before is still there once it is put right.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { loadDeployment } from '../../app/config.js';
import { computeLedger, type Ledger } from '../../app/ledger.js';
import { silentLogger } from '../../app/logger.js';
import { startPipeline } from '../../app/pipeline.js';
import { roles } from '../../app/roles.js';
import { Rng } from '../../domain/rng.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { connectPublisher } from '../../infra/mqtt/publisher.js';
import { brokerOf, runMillwright, startMillwright } from './millwright-process.js';
import { makePlant, type Plant, removePlant, trainPumps } from './plant.js';
import { Traffic } from './traffic.js';

/** A plant with a trained network and what a day of messages has left. */
let original: Plant;
let received: Ledger;

before(async () => {
  original = makePlant();
  const deployment = await trainPumps(original);
  const pipeline = await startPipeline({ deployment, roles: new Set(roles), logger: silentLogger });
  const publisher = await connectPublisher({ url: pipeline.ingest?.brokerUrl ?? '' });
  const traffic = new Traffic(new Rng(1));
  const messages = [
    ...traffic.opening(),
    ...Array.from({ length: 500 }, () => traffic.next()),
    traffic.clock(),
  ];
  await Promise.all(messages.map(({ topic, payload }) => publisher.publish(topic, payload)));
  await publisher.end();
  received = await pipeline.close();
  assert(received.accepted > 300 && received.waiting === 0, JSON.stringify(received));
});
after(() => removePlant(original));

/** A copy of the plant that the test may spoil. */
function copyPlant(t: TestContext): Plant {
  const plant = makePlant();
  t.after(() => removePlant(plant));
  cpSync(original.dir, plant.dir, { recursive: true });
  return plant;
}

/** Changes a text file of the plant. */
function edit({ dir }: Plant, name: string, from: string | RegExp, to: string): void {
  const text = readFileSync(join(dir, name), 'utf8');
  const changed = text.replace(from, to);
  assert.notEqual(changed, text, `${from} in ${name}`);
  writeFileSync(join(dir, name), changed);
}

/** Runs the program, which must fail with this code and these words, and nothing that only a programmer reads. */
async function fails(
  t: TestContext,
  args: readonly string[],
  exitCode: number,
  words: RegExp,
): Promise<void> {
  const end = await runMillwright(t, args);
  assert.match(end.stderr, words);
  assert.equal(end.exitCode, exitCode, end.stderr);
  assert.doesNotMatch(end.stderr, /^\s+at |bug in millwright|Error:/m);
  assert.equal(end.stdout, '', 'results go to stdout, and there is none');
}

async function ledgerOf({ file }: Plant): Promise<Ledger> {
  const { config } = loadDeployment(file);
  const log = await openEmbeddedLog({ dir: join(config.dataDir, 'log'), mode: 'read-only' });
  try {
    return await computeLedger(log);
  } finally {
    await log.close();
  }
}

/** The program starts and stops in good order, and has what was there before. */
async function runsAsBefore(t: TestContext, plant: Plant): Promise<void> {
  const running = startMillwright(t, ['run', '-c', plant.file]);
  await brokerOf(running);
  running.kill('SIGTERM');
  const { exitCode, stderr } = await running.ended;
  assert.equal(exitCode, 0, stderr);
  assert.deepEqual(await ledgerOf(plant), received);
}

const options = { concurrency: 3, timeout: 900_000 };

describe('a configuration that cannot be used: exit code 2', options, () => {
  const run = (plant: Plant) => ['run', '-c', plant.file];

  it('not YAML: file, line and what was expected', async (t) => {
    const plant = copyPlant(t);
    edit(plant, 'millwright.yaml', 'dataDir: data', 'dataDir: [data');
    await fails(t, run(plant), 2, /millwright\.yaml:\d+:\d+: not valid YAML/);
  });

  it('an unknown key: where, and which there are', async (t) => {
    const plant = copyPlant(t);
    edit(plant, 'millwright.yaml', 'dataDir: data', 'datadir: data');
    await fails(t, run(plant), 2, /:4:1: datadir: unknown key.*dataDir/);
  });

  it('a value out of range: the value and the range', async (t) => {
    const plant = copyPlant(t);
    edit(plant, 'millwright.yaml', 'http: { port: 0 }', 'http: { port: 70000 }');
    await fails(t, run(plant), 2, /http\.port.*70000/);
  });

  it('a file that is missing: its name', async (t) => {
    const plant = copyPlant(t);
    await fails(
      t,
      ['run', '-c', join(plant.dir, 'none.yaml')],
      2,
      /cannot read .*none\.yaml: there is no such file/,
    );
    rmSync(join(plant.dir, 'pump.yaml'));
    await fails(t, run(plant), 2, /pump\.yaml.*no such file/);
  });

  it('another number of partitions than the log has: both, and what to write', async (t) => {
    const plant = copyPlant(t);
    edit(plant, 'millwright.yaml', 'partitions: 3', 'partitions: 5');
    await fails(t, run(plant), 2, /has 3 partitions, the configuration says 5.*set partitions to 3/);
    assert.deepEqual(await ledgerOf(plant), received);
  });

  it('a network that was changed by one bit: the file, and how to get another', async (t) => {
    const plant = copyPlant(t);
    const file = modelFile(plant);
    const sound = readFileSync(file);
    // With its simple models the plant would start on them: those are torn, too.
    const simpleFile = file.replace('model.onnx', 'fallback.json');
    const simple = readFileSync(simpleFile);
    writeFileSync(simpleFile, simple.subarray(0, simple.length >> 1));
    const torn = Buffer.from(sound);
    const at = torn.length >> 1;
    torn.writeUInt8(torn.readUInt8(at) ^ 1, at);
    writeFileSync(file, torn);
    await fails(t, run(plant), 2, /model\.onnx was changed after it was written.*Train it again/);
    rmSync(file);
    await fails(t, run(plant), 2, /model\.onnx is missing.*Train it again/);
    writeFileSync(file, sound);
    await fails(t, run(plant), 2, /fallback\.json was changed after it was written/);
    writeFileSync(simpleFile, simple);
    await runsAsBefore(t, plant);
  });

  it('a network for another machine type: what differs', async (t) => {
    const plant = copyPlant(t);
    edit(plant, 'pump.yaml', 'name: count', 'name: counter');
    await fails(
      t,
      run(plant),
      2,
      /does not fit machine type "pump": .*"count\.mean".*"counter\.mean".*millwright train/,
    );
    edit(plant, 'pump.yaml', 'name: counter', 'name: count');
    edit(plant, 'pump.yaml', 'windowSteps: 4', 'windowSteps: 5');
    await fails(t, run(plant), 2, /windowSteps is 4 in the model, 5 in the machine type/);
  });

  it('words that no command knows: what there is', async (t) => {
    const { file } = original;
    await fails(
      t,
      ['run', '-c', file, '--roles', 'ingest,cook'],
      2,
      /unknown role "cook".*ingest, stream, model/,
    );
    await fails(t, ['fly'], 2, /unknown command 'fly'/);
    await fails(t, ['run', '--fast'], 2, /unknown option '--fast'/);
    await fails(t, ['replay', '-c', file], 2, /required option '--data <file>' not specified/);
    await fails(t, ['rejected', '-c', file, '--reason', 'dull'], 2, /dull.*Allowed choices are .*not-json/);
  });

  it('a plant that has never run has no ledger', async (t) => {
    const plant = copyPlant(t);
    rmSync(join(plant.dir, 'data'), { recursive: true });
    await fails(
      t,
      ['ledger', '-c', plant.file, '--json'],
      2,
      /there is no log in .*start "millwright run" once/,
    );
  });
});

describe('a world that does not let it: exit code 3, and nothing is lost', options, () => {
  for (const [what, from, to] of [
    ['the broker', /kind: embedded, port: 0/, (port: number) => `kind: embedded, port: ${port}`],
    ['the page', /http: \{ port: 0 \}/, (port: number) => `http: { port: ${port} }`],
  ] as const)
    it(`the port of ${what} is in use: which one`, async (t) => {
      const plant = copyPlant(t);
      const other = createServer();
      other.listen(0, '127.0.0.1');
      await once(other, 'listening');
      t.after(() => other.close());
      const { port } = other.address() as AddressInfo;
      edit(plant, 'millwright.yaml', from, to(port));
      await fails(
        t,
        ['run', '-c', plant.file],
        3,
        new RegExp(`port ${port} on 127\\.0\\.0\\.1 is .*in use.*another port`),
      );
      assert.deepEqual(await ledgerOf(plant), received);
    });

  it('a log or store that was cut off: which folder, and what to do; the copy put back is read as before', async (t) => {
    const plant = copyPlant(t);
    for (const part of ['log', 'store']) {
      const file = join(plant.dir, 'data', part, 'data.mdb');
      const size = statSync(file).size;
      assert(size > 20_000, `${part} has ${size} bytes`);
      truncateSync(file, size >> 1);
      const words = new RegExp(`data.${part} is damaged: .*cut off.*Restore the folder from a backup`);
      await fails(t, ['run', '-c', plant.file], 3, words);
      if (part === 'log') await fails(t, ['ledger', '-c', plant.file], 3, words);
      const { exitCode, stdout } = await runMillwright(t, ['doctor', '-c', plant.file, '--json']);
      assert.equal(exitCode, 1, 'the doctor has found something');
      assert.match(stdout, /is damaged/);
      cpSync(join(original.dir, 'data', part, 'data.mdb'), file);
    }
    await runsAsBefore(t, plant);
  });

  it('a file where the data folder should be: which one', async (t) => {
    const plant = copyPlant(t);
    const [data, kept] = [join(plant.dir, 'data'), join(plant.dir, 'kept')];
    renameSync(data, kept);
    writeFileSync(data, 'no folder');
    await fails(t, ['run', '-c', plant.file], 3, /data.*a file is where a folder should be; move it away/);
    assert.equal(readFileSync(data, 'utf8'), 'no folder', 'it is left alone');
    rmSync(data);
    mkdirSync(data);
    writeFileSync(join(data, 'log'), 'no folder');
    await fails(
      t,
      ['run', '-c', plant.file],
      3,
      /data.log.*a file is where a folder should be; move it away/,
    );
    rmSync(data, { recursive: true });
    renameSync(kept, data);
    assert.deepEqual(await ledgerOf(plant), received);
  });

  it('another process writes the log: which one; that process goes on', async (t) => {
    const plant = copyPlant(t);
    const first = startMillwright(t, ['run', '-c', plant.file]);
    await brokerOf(first);
    await fails(t, ['run', '-c', plant.file], 3, /is in use by process \d+.*stop that process first/);
    first.kill('SIGTERM');
    assert.equal((await first.ended).exitCode, 0);
    assert.deepEqual(await ledgerOf(plant), received);
  });

  it('no broker answers a replay: its address', async (t) => {
    const data = 'kind: cmapss\ndir: .\nsubset: FD001\npart: train\n';
    const plant = copyPlant(t);
    cpSync('data/cmapss/train_FD001.txt.gz', join(plant.dir, 'train_FD001.txt.gz'));
    writeFileSync(join(plant.dir, 'history.yaml'), data);
    const args = ['replay', '-c', plant.file, '--data', join(plant.dir, 'history.yaml')];
    await fails(t, [...args, '--url', 'mqtt://127.0.0.1:9'], 3, /127\.0\.0\.1:9/);
  });
});

describe('--json prints one document and nothing else', options, () => {
  for (const args of [
    ['ledger'],
    ['rejected'],
    ['rejected', '--reason', 'not-json', '--limit', '2'],
    ['predict', 'pump-1'],
    ['doctor'],
  ])
    it(args.join(' '), async (t) => {
      // A copy each: they go side by side, and a folder is open in one process at a time.
      const plant = copyPlant(t);
      const { exitCode, stdout, stderr } = await runMillwright(t, [...args, '-c', plant.file, '--json']);
      assert.equal(exitCode, 0, stderr);
      const document = JSON.parse(stdout) as object;
      assert(Object.keys(document).length > 0);
      if (args[0] === 'ledger') assert.deepEqual(document, received);
    });

  it('config check, also of a bad file', async (t) => {
    const plant = copyPlant(t);
    const check = ['config', 'check', plant.file, '--json'];
    const good = await runMillwright(t, check);
    assert.equal(good.exitCode, 0, good.stderr);
    assert.equal((JSON.parse(good.stdout) as { ok: boolean }).ok, true);
    edit(plant, 'millwright.yaml', 'dataDir', 'datadir');
    const bad = await runMillwright(t, check);
    assert.equal(bad.exitCode, 2, bad.stderr);
    assert.equal((JSON.parse(bad.stdout) as { ok: boolean }).ok, false);
  });
});

function modelFile({ dir }: Plant): string {
  const versions = join(dir, 'models/pump');
  return join(versions, readFileSync(join(versions, 'current'), 'utf8').trim(), 'model.onnx');
}
