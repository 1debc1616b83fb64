// Who has to be told is told, whatever happens: the program as its own process, a real HTTP receiver that is down, slow or
// failing, and kill -9 at random moments. Goal: the ledger of transitions in the log against what the receivers have
// answered. FAULT_ROUNDS and FAULT_SEED choose how often and which.
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { notifyGroup } from '../../alerts/notify-stage.js';
import type { AlertRecord } from '../../domain/alert.js';
import type { Log } from '../../domain/log.js';
import { Rng } from '../../domain/rng.js';
import { decodeRecord, topics } from '../../domain/topics.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { readBody } from '../services/http-body.js';
import { freePort } from '../services/service.js';
import { makePlant, removePlant, trainPumps } from './plant.js';
import { PumpTraffic } from './pump-traffic.js';

const rounds = Number(process.env.FAULT_ROUNDS ?? 6);
const seed = Number(process.env.FAULT_SEED ?? 1);
const moods = ['well', 'down', 'slow', 'hanging', 'failing', 'throttling'] as const;
type Mood = (typeof moods)[number];

/** Keeps what it has answered with 204, by path. */
class Receiver {
  mood: Mood = 'well';
  readonly answered: { readonly path: string; readonly alerts: readonly AlertRecord[] }[] = [];
  attempts = 0;
  readonly #rng: Rng;
  #server: Server | undefined;
  #port = 0;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  get port(): number {
    return this.#port;
  }

  async become(mood: Mood): Promise<void> {
    this.mood = mood;
    if (mood === 'down') await this.stop();
    else if (!this.#server) await this.start();
  }

  async start(): Promise<void> {
    this.#port ||= await freePort();
    const server = createServer((request, response) => void this.#take(request, response));
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.attempts++;
    const bytes = await readBody(request);
    if (!bytes) return;
    // Whoever else on this computer tries ports.
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const { mood } = this;
    if (mood === 'hanging') return;
    if (mood === 'slow') await sleep(this.#rng.int(400));
    if (mood === 'failing' && this.#rng.uniform() < 0.8) response.writeHead(503).end('try later');
    else if (mood === 'throttling' && this.#rng.uniform() < 0.5)
      response.writeHead(429, { 'retry-after': '0' }).end();
    else {
      const body = JSON.parse(bytes.toString()) as {
        alert?: AlertRecord;
        alerts?: AlertRecord[];
        changed?: number;
      };
      const alerts = body.alert ? [body.alert] : (body.alerts ?? []).slice(0, body.changed);
      // Whoever has hung up has no answer.
      if (response.destroyed) return;
      this.answered.push({ path: request.url ?? '', alerts });
      response.writeHead(204).end();
    }
  }
}

test(`receivers down, slow and failing, and kill -9, ${rounds} times: every transition is told, once and in order`, {
  timeout: 600_000,
}, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const rng = new Rng(seed);
  const receiver = new Receiver(rng.fork());
  await receiver.start();
  const plant = makePlant();
  t.after(async () => {
    await receiver.stop();
    removePlant(plant);
  });
  const all = '[fired, raised, lowered, resolved, amended, not-assessable, assessable, acknowledged]';
  const retry = 'retry: { firstDelayMs: 20ms, maxDelayMs: 200ms }, timeoutMs: 2s';
  const hook = (name: string): string =>
    `    - { kind: webhook, name: ${name}, url: "http://127.0.0.1:${receiver.port}/${name}", ${retry} }\n`;
  appendFileSync(
    plant.file,
    `  notifiers:\n${hook('each')}${hook('grouped')}  routes:
    - { notifiers: [each], transitions: ${all}, groupWait: 0s, storm: { above: 100000 } }
    - { notifiers: [grouped], transitions: ${all}, groupBy: [rule], groupWait: 10m, groupInterval: 30m }\n`,
  );
  const deployment = await trainPumps(plant);
  const traffic = new PumpTraffic(rng.fork());
  const open = () => openEmbeddedLog({ dir: join(deployment.config.dataDir, 'log'), mode: 'read-only' });

  const met = new Set<Mood>();
  for (let round = 0; round < rounds; round++) {
    const running = await traffic.start(t, plant);
    for (let change = 0; change < 3; change++) {
      await receiver.become(moods[rng.int(moods.length)] as Mood);
      met.add(receiver.mood);
      await traffic.publish(150);
      await sleep(rng.int(700));
    }
    running.kill('SIGKILL');
    await running.ended;
  }
  await receiver.become('well');
  const last = await traffic.start(t, plant);
  // The time goes on until every machine is silent, and until every group has been told.
  for (let hour = 0; hour < 60; hour++) await traffic.publish(1);
  const log = await open();
  const untilMs = performance.now() + 300_000;
  for (let quiet = 0, seen = ''; quiet < 3; ) {
    await sleep(1000);
    const ends = [];
    for (const topic of [topics.steps, topics.forecasts, topics.alerts]) ends.push(await log.status(topic));
    const left = untold(toBeTold(await readTransitions(log)), receiver);
    assert(performance.now() < untilMs, `nobody was told of ${left}`);
    if (left.length > 0) await traffic.publish(1);
    quiet = left.length === 0 && JSON.stringify(ends) === seen ? quiet + 1 : 0;
    seen = JSON.stringify(ends);
  }
  await log.close();
  last.kill('SIGTERM');
  assert.equal((await last.ended).exitCode, 0);

  const ledger = await open();
  const transitions = await readTransitions(ledger);
  const undelivered: string[] = [];
  for (const name of ['each', 'grouped'])
    for await (const { key } of ledger.state(
      notifyGroup(name),
      { topic: topics.notifications, partition: 0 },
      'u|',
    ))
      undelivered.push(`${name} ${key}`);
  await ledger.close();
  assert.deepEqual(undelivered, []);

  const wanted = toBeTold(transitions);
  assert.deepEqual(untold(wanted, receiver), []);
  const told = receiver.answered.filter(({ path }) => path === '/each').flatMap(({ alerts }) => alerts);
  const keys = told.map(({ dedupeKey }) => dedupeKey);
  assert.deepEqual([...new Set(keys)].sort(), wanted.map(({ dedupeKey }) => dedupeKey).sort());
  const repeated = keys.length - new Set(keys).size;
  assert(repeated <= rounds, `${repeated} were told twice, in ${rounds} kills`);
  const newest = new Map<string, number>();
  for (const { alertId, sequence } of told) {
    assert(sequence >= (newest.get(alertId) ?? -1), `${alertId}/${sequence} behind ${newest.get(alertId)}`);
    newest.set(alertId, sequence);
  }
  t.diagnostic(
    `${transitions.length} transitions, ${wanted.length} to be told, ${receiver.attempts} attempts, ${receiver.answered.length} answered, ${repeated} twice; moods: ${[...met].join(', ')}`,
  );
  assert(wanted.length > 20 && met.size >= 4, 'there was something to tell, and to go wrong');
});

async function readTransitions(log: Log): Promise<AlertRecord[]> {
  const transitions: AlertRecord[] = [];
  for (const { partition } of await log.status(topics.alerts))
    for await (const record of log.read({ topic: topics.alerts, partition }, 0))
      transitions.push(decodeRecord(topics.alerts, record));
  return transitions;
}

/** Of an alert everything from its first firing or not assessable transition on. */
function toBeTold(transitions: readonly AlertRecord[]): AlertRecord[] {
  const inScope = new Set<string>();
  return transitions.filter(({ alertId, state, transition }) => {
    if (state === 'firing' || state === 'not-assessable') inScope.add(alertId);
    return inScope.has(alertId) && transition !== 'pending' && transition !== 'cancelled';
  });
}

/** Transitions that were not told each, and alerts of which the receiver does not know from groups how they stand. */
function untold(wanted: readonly AlertRecord[], { answered }: Receiver): string[] {
  const keys = new Set<string>();
  const known = new Map<string, AlertRecord>();
  for (const { path, alerts } of answered)
    for (const alert of alerts)
      if (path === '/each') keys.add(alert.dedupeKey);
      else known.set(alert.alertId, alert);
  const stands = new Map(wanted.map((alert) => [alert.alertId, alert]));
  const otherwise = [...stands.values()].filter(({ alertId, sequence, state }) => {
    const heard = known.get(alertId);
    // What came and went between two notifications is not told.
    return heard === undefined ? state !== 'resolved' : heard.sequence !== sequence;
  });
  return [
    ...wanted.filter(({ dedupeKey }) => !keys.has(dedupeKey)).map(({ dedupeKey }) => dedupeKey),
    ...otherwise.map(({ alertId }) => `how ${alertId} stands`),
  ];
}
