/**
 * `millwright train` on C-MAPSS FD001 with the default settings, as a user runs it, in seconds, as JSON: the whole
 * command, and of that the network alone; the rest is reading, features and the start of node.
 *
 *   npm run bench -- train [runs] [training settings file]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const [runs = '3', settings] = process.argv.slice(2);
const example = fileURLToPath(new URL('../../examples/cmapss/', import.meta.url));
const main = fileURLToPath(new URL('../app/main.js', import.meta.url));

interface Taken {
  readonly wholeS: number;
  readonly networkS: number;
  readonly validationMeanBrier: number;
}

async function train(folder: string): Promise<Taken> {
  const config = join(folder, 'millwright.yaml');
  writeFileSync(
    config,
    readFileSync(join(example, 'millwright.yaml'), 'utf8')
      .replaceAll('../../data', resolve(example, '../../data'))
      .replaceAll('../../.millwright', folder),
  );
  const args = [main, 'train', '--json', '-c', config, '--data', join(example, 'train.yaml')];
  if (settings !== undefined) args.push('--training', settings);
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (code !== 0) throw new Error(`millwright train ended with ${code}`);
  const wholeS = (performance.now() - startedMs) / 1000;
  const { metrics } = JSON.parse(said) as {
    readonly metrics: { readonly trainedMs: number; readonly validationMeanBrier: number };
  };
  return { wholeS, networkS: metrics.trainedMs / 1000, validationMeanBrier: metrics.validationMeanBrier };
}

const taken: Taken[] = [];
for (let run = 0; run < Number(runs); run++) {
  const folder = mkdtempSync(join(tmpdir(), 'millwright-bench-'));
  try {
    taken.push(await train(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const median = (of: (each: Taken) => number) =>
  Number((taken.map(of).sort((a, b) => a - b)[Math.floor(taken.length / 2)] as number).toPrecision(3));
console.log(
  JSON.stringify(
    {
      bench: 'train',
      runs: taken.length,
      wholeS: median(({ wholeS }) => wholeS),
      networkS: median(({ networkS }) => networkS),
      validationMeanBrier: median(({ validationMeanBrier }) => validationMeanBrier),
    },
    null,
    2,
  ),
);
