/** `millwright backtest walk` in a real process that is killed in the middle, on tables of pumps. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makePlant, pumpHistory, removePlant } from '../scenarios/plant.js';

const program = resolve('dist/app/main.js');

/** The history of the pumps as tables, and a walk through it of four networks. */
async function writeWalk(dir: string): Promise<void> {
  const readings = ['time,machine,temp,vib'];
  const events = ['time,machine,event,code'];
  for await (const record of pumpHistory().records())
    if (record.kind === 'readings')
      readings.push(`${record.timeMs},${record.machine},${record.values.temp},${record.values.vib}`);
    else events.push(`${record.timeMs},${record.machine},failure,`);
  writeFileSync(join(dir, 'readings.csv'), `${readings.join('\n')}\n`);
  writeFileSync(join(dir, 'events.csv'), `${events.join('\n')}\n`);
  writeFileSync(
    join(dir, 'history.yaml'),
    'kind: csv\nreadings: [{ file: readings.csv, timeFormat: ms }]\nevents: [{ file: events.csv, timeFormat: ms }]\n',
  );
  writeFileSync(
    join(dir, 'training.yaml'),
    '{ hiddenSize: 4, batchSize: 8, steps: 6, validateEverySteps: 2 }\n',
  );
  writeFileSync(
    join(dir, 'walk.yaml'),
    'data: history.yaml\ntraining: training.yaml\nfrom: 1970-01-02T10:00\nto: 1970-01-02T21:00\nrefitEverySteps: 3\n',
  );
}

function walk(dir: string) {
  const words = [
    'backtest',
    'walk',
    '--protocol',
    'walk.yaml',
    '--parallel',
    '1',
    '--html',
    'walk.html',
    '--json',
  ];
  const child = spawn(process.execPath, [program, ...words], { cwd: dir });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += String(text);
  });
  child.stderr.on('data', (text) => {
    stderr += String(text);
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, ended };
}

/** Finished folds and when they were, by name. */
function keptIn(dir: string): ReadonlyMap<string, number> {
  const walks = join(dir, 'data', 'walks');
  const [folder, more] = existsSync(walks) ? readdirSync(walks) : [];
  assert.equal(more, undefined, 'one folder for the same walk');
  const names = folder === undefined ? [] : readdirSync(join(walks, folder));
  return new Map(
    names
      .filter((name) => /^fold-.*\.json$/.test(name))
      .map((name) => [name, statSync(join(walks, folder as string, name)).mtimeMs]),
  );
}

const runs = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('killed, it leaves no process behind and goes on where it was; the report has every fold', async (t) => {
  const { dir } = makePlant();
  t.after(() => removePlant({ dir, file: '' }));
  await writeWalk(dir);
  const first = walk(dir);
  const pid = first.child.pid as number;
  while (keptIn(dir).size === 0) {
    assert.ok(runs(pid), (await Promise.race([first.ended, sleep(0, { stderr: '' })])).stderr);
    await sleep(20);
  }
  await sleep(100); // the next one is under way
  const folds = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  assert.ok(folds.length > 0, 'a fold is under way');
  const kept = keptIn(dir);
  first.child.kill('SIGKILL');
  await first.ended;
  for (let waited = 0; folds.some((fold) => runs(Number(fold))); waited++) {
    assert.ok(waited < 500, 'a process of a fold has outlived what started it');
    await sleep(20);
  }
  assert.ok(kept.size >= 1 && kept.size < 4, [...kept.keys()].join());
  assert.deepEqual(keptIn(dir), kept, 'the fold under way was not finished by an orphan');

  const { code, stdout, stderr } = await walk(dir).ended;
  assert.equal(code, 0, stderr);
  for (const [name, timeMs] of kept) assert.equal(keptIn(dir).get(name), timeMs, `${name} is as it was`);
  const result = JSON.parse(stdout) as {
    readonly rows: { readonly judgedCount: number };
    readonly folds: readonly { readonly judgedCount: number; readonly version: string }[];
    readonly keptIn: string;
  };
  assert.equal(result.folds.length, 4);
  const sum = result.folds.reduce((total, { judgedCount }) => total + judgedCount, 0);
  assert.equal(result.rows.judgedCount, sum);
  assert.equal(existsSync(join(result.keptIn, 'steps.jsonl')), false);
  const html = readFileSync(join(dir, 'walk.html'), 'utf8');
  assert.match(html, /Fold by fold.*1970-01-02 10:00/s);
});
