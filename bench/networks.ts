/**
 * Training and prediction beside PyTorch and Keras on JAX, in one run, as JSON: batch 64, 30 steps, 24 features, LSTM of 64,
 * 128 and 2×64 units with an output at every step, Adam, binary cross-entropy; prediction of 1 and of 256 windows. Every
 * measurement is taken in turn, round by round, each subject in a process of its own held to one core, then to two;
 * medians over the rounds. Ratios above 1 are in our favour, also of times. `cpu` has the same by processor time: on a
 * machine that does other work, those of one core are the ones to read.
 *
 *   python3 -m venv V && V/bin/pip install torch keras jax     (PyPI's torch brings CUDA)
 *   npm run bench -- networks V/bin/python [--rounds 5] [--seconds 1] [--cores 1,2] [--torch V2/bin/python]
 *                    [--peer NAME=COMMAND]
 *
 * A further peer is a command that speaks the lines of bench/peers/subject.py; `{threads}` in it is replaced.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    cores: { type: 'string', default: '1,2' },
    torch: { type: 'string' },
    peer: { type: 'string', multiple: true, default: [] },
  },
});
const [python = 'python3'] = positionals;
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);

const shapes = [
  { hidden: 64, layers: 1 },
  { hidden: 128, layers: 1 },
  { hidden: 64, layers: 2 },
] as const;
const script = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const peerScript = (name: string) => script(`../../bench/peers/${name}`);
const sharedTasks = ['train', 'one', 'many'] as const;
const ownTasks = [...sharedTasks, 'one-int8', 'one-by-engine', 'many-int8'];

interface Measurement {
  /** Windows per second, or ms. */
  readonly value: number;
  /** The same by processor time. */
  readonly cpu: number;
}

/** A process that is asked for one measurement at a time. */
class Subject {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(name: string, command: readonly string[], cores: number) {
    this.name = name;
    const held = ['-c', cores === 1 ? '0' : `0-${cores - 1}`, ...command];
    this.#child = spawn('taskset', held, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async #next(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`${this.name} ended; its errors are above`);
    return JSON.parse(value);
  }

  async version(): Promise<string> {
    return (await this.#next()).version as string;
  }

  async measure(task: string, shape: (typeof shapes)[number]): Promise<Measurement> {
    this.#child.stdin!.write(`${JSON.stringify({ task, ...shape, seconds })}\n`);
    return (await this.#next()) as unknown as Measurement;
  }

  async end(): Promise<void> {
    this.#child.stdin!.end();
    await once(this.#child, 'close');
  }
}

function subjects(cores: number): readonly Subject[] {
  const commands: Readonly<Record<string, readonly string[]>> = {
    millwright: [process.execPath, script('./parts/network-subject.js'), String(cores)],
    torch: [options.torch ?? python, peerScript('torch_subject.py'), String(cores)],
    'keras-jax': [python, peerScript('keras_subject.py')],
    ...Object.fromEntries(
      options.peer.map((given) => {
        const [name, ...command] = given.replaceAll('{threads}', String(cores)).split(/[= ]+/);
        return [name, command];
      }),
    ),
  };
  return Object.entries(commands).map(([name, command]) => new Subject(name, command, cores));
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const round = (value: number) => Number(value.toPrecision(4));

function compare(
  taken: ReadonlyMap<string, readonly Measurement[]>,
  names: readonly string[],
  by: (measurement: Measurement) => number,
): object {
  const of = (name: string, task: string) => median((taken.get(`${name} ${task}`) ?? []).map(by));
  const best = (task: string) => Math.max(of('torch', task), of('keras-jax', task));
  const tasksOf = (name: string) => (name === 'millwright' ? ownTasks : sharedTasks);
  return {
    ...Object.fromEntries(
      names.map((name) => [
        name,
        Object.fromEntries(tasksOf(name).map((task) => [task, round(of(name, task))])),
      ]),
    ),
    ratios: {
      trainToBest: round(of('millwright', 'train') / best('train')),
      manyToBest: round(of('millwright', 'many') / best('many')),
      manyInt8ToBest: round(of('millwright', 'many-int8') / best('many')),
      oneToTorch: round(of('torch', 'one') / of('millwright', 'one')),
      oneInt8ToTorch: round(of('torch', 'one') / of('millwright', 'one-int8')),
      oneByEngineToTorch: round(of('torch', 'one') / of('millwright', 'one-by-engine')),
    },
  };
}

async function measure(cores: number): Promise<object> {
  const all = subjects(cores);
  const versions: Record<string, string> = {};
  for (const subject of all) versions[subject.name] = await subject.version();
  const results: object[] = [];
  for (const shape of shapes) {
    const taken = new Map<string, Measurement[]>();
    for (let count = 0; count < rounds; count++)
      for (const task of ownTasks)
        for (const subject of all) {
          if (subject.name !== 'millwright' && !sharedTasks.some((each) => each === task)) continue;
          const key = `${subject.name} ${task}`;
          taken.set(key, [...(taken.get(key) ?? []), await subject.measure(task, shape)]);
        }
    const names = all.map(({ name }) => name);
    results.push({
      ...shape,
      wall: compare(taken, names, ({ value }) => value),
      cpu: compare(taken, names, ({ cpu }) => cpu),
    });
  }
  for (const subject of all) await subject.end();
  return { cores, versions, results };
}

const runs: object[] = [];
for (const cores of options.cores.split(',')) runs.push(await measure(Number(cores)));
console.log(
  JSON.stringify(
    {
      bench: 'networks',
      units: { train: 'windows/s', one: 'median ms', many: 'windows/s of 256 at once' },
      rounds,
      seconds,
      runs,
    },
    null,
    2,
  ),
);
process.exit(0);
