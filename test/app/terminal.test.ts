// What a person sees on a terminal, in a pipe, and when something goes wrong.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { makeLogger } from '../../app/logger.js';
import { exitCodes } from '../../app/terminal/exit-codes.js';
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatDays,
  formatNumber,
  formatPercent,
  formatProbability,
  formatSpan,
} from '../../app/terminal/format.js';
import { LiveRegion } from '../../app/terminal/live-region.js';
import { printResult } from '../../app/terminal/print-result.js';
import { ProgressBar } from '../../app/terminal/progress.js';
import { describeFailure } from '../../app/terminal/run-main.js';
import { curveChart, curveStrip, sparkline } from '../../app/terminal/sparkline.js';
import { formatTable } from '../../app/terminal/table.js';
import { makeTerminal, type TerminalStream } from '../../app/terminal/terminal.js';
import { TrainingView } from '../../app/terminal/training-view.js';
import { SetClock } from '../../domain/clock.js';
import { UserError, WorldError } from '../../domain/errors.js';

function screen(isTTY: boolean): { stream: TerminalStream; text: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 100, rows: 30 });
  let text = '';
  stream.on('data', (chunk) => {
    text += String(chunk);
  });
  return { stream, text: () => text };
}

test('the log of a process is readable on a terminal, JSON elsewhere or when asked for', () => {
  const clock = new SetClock(Date.UTC(2026, 2, 1, 12));
  const logOn = (isTTY: boolean, json: boolean): string => {
    const { stream, text } = screen(isTTY);
    const logger = makeLogger(stream, clock, json);
    logger.info({ url: 'mqtt://h:1883' }, 'taking messages at mqtt://h:1883');
    logger.warn({ machine: 'p' }, 'pump \u001b[2J\n fails');
    logger.error({ error: new RangeError('too far') }, 'this is a bug in millwright');
    return stripVTControlCharacters(text());
  };
  const [info, warn, error, ...stack] = logOn(true, false).split('\n');
  assert.match(String(info), /^2026-03-01 \d\d:00:00 info {4}taking messages at mqtt:\/\/h:1883$/);
  assert.match(String(warn), /^\S+ \S+ warning pump �\[2J� fails$/);
  assert.match(String(error), /^\S+ \S+ error {3}this is a bug in millwright$/);
  assert.equal(stack[0], 'RangeError: too far');
  for (const text of [logOn(false, false), logOn(true, true)]) {
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        [30, 'taking messages at mqtt://h:1883'],
        [40, 'pump \u001b[2J\n fails'],
        [50, 'this is a bug in millwright'],
      ],
    );
    assert.equal(lines[0].url, 'mqtt://h:1883');
    assert.equal(lines[2].error.message, 'too far');
  }
});

test('numbers read as people write them', () => {
  assert.equal(formatCount(4180), '4,180');
  assert.equal(formatCounted(1, 'engine'), '1 engine');
  assert.equal(formatCounted(20, 'engine'), '20 engines');
  assert.equal(formatCounted(2, 'entry', 'entries'), '2 entries');
  assert.equal(formatProbability(0.714), '0.71');
  assert.equal(formatProbability(0), '0.00');
  assert.equal(formatProbability(0.0001), '<0.01');
  assert.equal(formatProbability(0.9999), '>0.99');
  assert.equal(formatProbability(1), '1.00');
  assert.equal(formatProbability(Number.NaN), '–');
  assert.equal(formatPercent(0.714), '71 %');
  assert.equal(formatDays(22), '22 d');
  assert.equal(formatDays(null), '–');
  assert.equal(formatBytes(999), '999 B');
  assert.equal(formatBytes(1536), '1.5 kB');
  assert.equal(formatBytes(23_000_000), '23 MB');
  assert.equal(formatNumber(0.01284), '0.0128');
  assert.equal(formatNumber(1589.7), '1,590');
  assert.equal(formatNumber(14.62), '14.6');
  assert.equal(formatNumber(0), '0');
  const spans: [number, string][] = [
    [850, '850 ms'],
    [9100, '9.1 s'],
    [9990, '10 s'],
    [59_700, '1 min'],
    [125_000, '2 min 5 s'],
    [12_000_000, '3 h 20 min'],
    [90_000_000, '1 d 1 h'],
  ];
  for (const [ms, text] of spans) assert.equal(formatSpan(ms), text);
});

test('a sparkline goes from the lowest to the highest block; gaps stay gaps', () => {
  assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7]), '▁▂▃▄▅▆▇█');
  assert.equal(sparkline([1, Number.NaN, 2]), '▁ █');
  assert.equal(sparkline([5, 5]), '▅▅');
  assert.equal(sparkline([]), '');
  assert.equal(sparkline([0, 0, 8, 8], 2), '▁█');
  assert.equal(sparkline([0.5], 1, { min: 0, max: 1 }), '▅');
});

test('a failure curve is drawn as bars with its axis', () => {
  const curve = Array.from({ length: 30 }, (_, day) => Math.min(1, day / 20));
  assert.deepEqual(curveChart(curve, 4), [
    '1.0 │                ▂▃▅▆██████████',
    '    │           ▂▃▅▆███████████████',
    '0.5 │      ▂▃▅▆████████████████████',
    '    │ ▂▃▅▆█████████████████████████',
    '0.0 └──────────────────────────────',
    '     1     7      14     21       30  days ahead',
  ]);
  assert.equal(curveStrip([0, 0.01, 0.3, 0.6, 0.9, 1]), ' ░▒▓██');
});

test('property: charts of any curve have the width of the curve and never a hole below a bar (500 curves)', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 2, max: 9 }),
      (curve, height) => {
        const lines = curveChart(curve, height);
        assert.equal(lines.length, height + 2);
        const cells = lines.slice(0, height).map((line) => line.slice(5).padEnd(curve.length));
        for (let day = 0; day < curve.length; day++)
          for (let row = 0; row + 1 < height; row++)
            if (cells[row]?.[day] !== ' ') assert.equal(cells[row + 1]?.[day], '█');
        for (const line of cells) assert.equal(line.length, curve.length);
      },
    ),
    { numRuns: 500 },
  );
});

test('tables line up: text left, numbers right', () => {
  const text = formatTable(
    [{ title: 'machine' }, { title: 'lead time', align: 'right' }],
    [
      ['unit-84', '22 d'],
      ['unit-9', '9 d'],
    ],
  );
  assert.equal(text, 'machine  lead time\nunit-84       22 d\nunit-9         9 d');
});

test('in a pipe, progress is a plain line at most every five seconds, and the closing sentence', () => {
  const { stream, text } = screen(false);
  const clock = new SetClock(0);
  const bar = new ProgressBar('train', makeTerminal(stream, {}), clock);
  for (let epoch = 0; epoch <= 60; epoch++) {
    clock.advanceTo(epoch * 200);
    bar.update(epoch, 60, `epoch ${epoch}/60`);
  }
  bar.end('60 epochs in 12 s');
  bar.end('again');
  bar.update(1, 60);
  assert.equal(
    text(),
    'train: 0 % · epoch 0/60 · 0 ms\n' +
      'train: 42 % · epoch 25/60 · 5.0 s · 7.0 s left\n' +
      'train: 83 % · epoch 50/60 · 10 s · 2.0 s left\n' +
      'train: 60 epochs in 12 s\n',
  );
});

test('on a terminal the bar is redrawn in place and leaves one line', () => {
  const { stream, text } = screen(true);
  const clock = new SetClock(0);
  const bar = new ProgressBar('train', makeTerminal(stream, { NO_COLOR: '1' }), clock);
  for (let step = 0; step <= 100; step++) {
    clock.advanceTo(step * 20);
    bar.update(step, 100, 'loss 0.31', ['           gradient norm 0.42']);
  }
  bar.end('done in 2.0 s');
  assert.match(text(), /train {4}████████████░{12} {2}loss 0\.31 · 1\.0 s/);
  const drawn = text().split('loss 0.31').length - 1;
  assert.ok(drawn >= 20 && drawn <= 26, `redrawn ${drawn} times in 2 s`);
  assert.ok(text().endsWith('  train    done in 2.0 s\n'), JSON.stringify(text().slice(-80)));
});

test('a live region keeps printed lines above it; in a pipe it shows its first line now and then', () => {
  const moving = screen(true);
  const region = new LiveRegion(makeTerminal(moving.stream, {}), new SetClock(0));
  region.update(['day 1', 'unit 84']);
  region.print('unit-84 failed');
  region.close();
  region.close();
  region.update(['never']);
  assert.ok(moving.text().indexOf('unit-84 failed') > moving.text().indexOf('day 1'));
  assert.ok(
    moving.text().lastIndexOf('day 1') > moving.text().indexOf('unit-84 failed'),
    'drawn again below',
  );
  assert.ok(!moving.text().includes('never'));

  const plain = screen(false);
  const clock = new SetClock(0);
  const quiet = new LiveRegion(makeTerminal(plain.stream, {}), clock);
  for (let day = 1; day <= 30; day++) {
    clock.advanceTo(day * 1000);
    quiet.update([`day ${day}`, 'more']);
  }
  quiet.print('unit-84 failed');
  quiet.close();
  assert.equal(plain.text(), 'day 1\nday 11\nday 21\nunit-84 failed\n');
});

test('colours follow the terminal, NO_COLOR and FORCE_COLOR', () => {
  const painted = (isTTY: boolean, environment: Record<string, string>): boolean =>
    makeTerminal(screen(isTTY).stream, environment).paint.critical('x') !== 'x';
  assert.equal(painted(true, {}), true);
  assert.equal(painted(true, { NO_COLOR: '1' }), false);
  assert.equal(painted(true, { TERM: 'dumb' }), false);
  assert.equal(painted(false, {}), false);
  assert.equal(painted(false, { FORCE_COLOR: '1' }), true);
  assert.equal(makeTerminal(screen(true).stream, { CI: 'true' }).moves, false);
});

test('--json prints one JSON document and does not make the text', () => {
  const written: string[] = [];
  const write = (text: string): void => void written.push(text);
  printResult({ json: { brier: 0.01 }, human: () => assert.fail('not asked for') }, true, write);
  printResult({ json: {}, human: () => 'Brier 0.010' }, false, write);
  assert.deepEqual([JSON.parse(written[0] ?? ''), written[1]], [{ brier: 0.01 }, 'Brier 0.010\n']);
});

test('what people and the world did wrong is a sentence; a bug has its stack', () => {
  assert.deepEqual(describeFailure(new UserError('no such file')), { text: 'no such file', exitCode: 2 });
  assert.deepEqual(describeFailure(new UserError('verdict below the mark', { exitCode: 1 })).exitCode, 1);
  const away = new WorldError('unreachable', 'the broker at b:1883 does not answer', { retryable: true });
  assert.deepEqual(describeFailure(away), {
    text: 'the broker at b:1883 does not answer. Trying again may help.',
    exitCode: 3,
  });
  const port = Object.assign(new Error('listen EADDRINUSE: address already in use 127.0.0.1:1883'), {
    code: 'EADDRINUSE',
  });
  assert.equal(describeFailure(port).exitCode, 3);
  assert.match(
    describeFailure(port).text,
    /1883: another program uses this port; stop it, or choose another port/,
  );
  const bug = describeFailure(new TypeError('x is not a function'));
  assert.equal(bug.exitCode, 1);
  assert.match(bug.text, /this is a bug in millwright[\s\S]*TypeError: x is not a function\n {4}at /);
});

test('the exit codes are the documented ones', () => {
  const guide = readFileSync('docs/guide/commands.md', 'utf8');
  for (const [name, code] of Object.entries(exitCodes))
    assert.match(guide, new RegExp(`^\\| ${code} +\\|`, 'm'), name);
  assert.deepEqual(exitCodes, { ok: 0, failed: 1, usage: 2, world: 3, interrupted: 130 });
});

const runMainUrl = pathToFileURL(resolve('dist/app/terminal/run-main.js')).href;
const errorsUrl = pathToFileURL(resolve('dist/domain/errors.js')).href;

function program(body: string): string[] {
  return [
    '--input-type=module',
    '-e',
    `import { runMain } from ${JSON.stringify(runMainUrl)}; import { UserError } from ${JSON.stringify(errorsUrl)};
     process.exitCode = await runMain(async (signal) => { ${body} });`,
  ];
}

test('a process ends with the code of how it went, and user errors show no stack', () => {
  const wrong = spawnSync(process.execPath, program("throw new UserError('port: write a number')"), {
    encoding: 'utf8',
  });
  assert.deepEqual([wrong.status, wrong.stderr], [2, 'millwright: port: write a number\n']);
  assert.equal(spawnSync(process.execPath, program('return 1')).status, 1);
  assert.equal(spawnSync(process.execPath, program('process.exitCode = 2')).status, 2);
  assert.equal(spawnSync(process.execPath, program('')).status, 0);
});

test('Ctrl-C drains and gives 130, SIGTERM drains and gives 0; a second one does not wait', async () => {
  const drains = `console.log('up'); const t = setInterval(() => {}, 1000);
    await new Promise((done) => signal.addEventListener('abort', done)); clearInterval(t); console.log('drained');`;
  const hangs = `console.log('up'); setInterval(() => {}, 1000); await new Promise(() => {});`;
  for (const [body, kills, signal, expected, said] of [
    [drains, 1, 'SIGINT', 130, 'up\ndrained\n'],
    [drains, 1, 'SIGTERM', 0, 'up\ndrained\n'],
    [hangs, 2, 'SIGINT', 130, 'up\n'],
    [hangs, 2, 'SIGTERM', 130, 'up\n'],
  ] as const) {
    const child = spawn(process.execPath, program(body), { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    let sent = 0;
    const kill = (): void => {
      if (sent++ < kills) child.kill(signal);
    };
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
      if (out === 'up\n') kill();
    });
    child.stderr.on('data', (chunk) => {
      err += String(chunk);
      kill();
    });
    const code = await new Promise((done) => child.once('close', done));
    assert.equal(code, expected);
    assert.equal(out, said);
    assert.match(err, /stopping: finishing what is under way \(Ctrl-C again stops at once\)/);
  }
});

test('a training shows its curves, the largest gradients, and how far back they reach', () => {
  const view = new TrainingView(makeTerminal(screen(false).stream, {}).paint);
  const at = (step: number, loss: number) => ({
    step,
    of: 100,
    trainLoss: loss,
    validationLoss: 2 * loss,
    bestLoss: 2 * loss,
    gradientNorm: 10 * loss,
    parameterNorms: {
      'encoder.0.input': 0.5,
      'hazards.bias': 3,
      'encoder.0.bias': 0.01,
      'hazards.weights': 2,
    },
    stepNorms: [0.001, 0.01, 0.1, 1],
    learningRate: 0.004,
    elapsedMs: 1,
    leftMs: 1,
  });
  view.add(at(25, 1));
  view.add(at(50, 0.5));
  const lines = view.add(at(75, 0.25));
  assert.match(lines[0] as string, /training {3}█▃▁ .* loss 0\.25$/);
  assert.match(lines[1] as string, /validation █▃▁ .* loss 0\.5, best 0\.5$/);
  assert.match(
    lines[2] as string,
    /norm 2\.5 · hazards\.bias 3 · hazards\.weights 2 · encoder\.0\.input 0\.5$/,
  );
  assert.match(lines[4] as string, /reach {6}▁▃▆█ .* oldest step 0\.001 of the newest's$/);
  // Another network begins: no curve of the one before.
  assert.match(view.add(at(25, 1))[0] as string, /training {3}▅ /);
});
