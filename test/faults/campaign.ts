/** A seeded schedule of faults against a plant that takes messages all the time, and the account at the end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openLog } from '../../app/open-log.js';
import type { Log } from '../../domain/log.js';
import { Rng } from '../../domain/rng.js';
import { type Account, compareStores, findUntold, takeAccount } from './account.js';
import type { SelfEnded } from './crew.js';
import { type Fault, possibleFaults } from './faults.js';
import { LogWatch } from './log-watch.js';
import { Sender } from './sender.js';
import { horizonMs, makeWorld, type World } from './world.js';

export interface CampaignOptions {
  readonly seed: number;
  /** It ends when both are reached. */
  readonly minutes: number;
  readonly faults: number;
  readonly machines: number;
  readonly messagesPerSecond: number;
  readonly stepSeconds: number;
  readonly tell: (sentence: string) => void;
  /** No further fault strikes; the account is taken. */
  readonly enough?: AbortSignal;
  /** All that was started is stopped, and it rejects. */
  readonly signal?: AbortSignal;
}

export interface Struck {
  /** Those that were there at the same time. */
  readonly faults: readonly Pick<Fault, 'kind' | 'target' | 'durationMs'>[];
  /** From the end of the fault until everything acknowledged before it had passed all stages; undefined: the next fault came first. */
  readonly recoveredMs: number | undefined;
}

export interface CampaignResult {
  readonly minutes: number;
  readonly struck: readonly Struck[];
  readonly account: Account;
  readonly selfEnded: readonly SelfEnded[];
  /** Names of members that did not stop when told to. */
  readonly hung: readonly string[];
  /** Offsets that went back. */
  readonly backwards: readonly string[];
  /** Resident memory in MiB of each life of a process that always runs: the highest. */
  readonly memoryMiB: Readonly<Record<string, readonly number[]>>;
}

/** A plant that has not caught up by then does not recover. Other work on this computer may hold everything up for minutes. */
const recoveryMaxMs = 20 * 60_000;

/** Undefined where a service is missing. Rejects when the plant does not recover. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult | undefined> {
  const { seed, machines, messagesPerSecond, tell, signal = new AbortController().signal } = options;
  const rng = new Rng(seed);
  const stepMs = options.stepSeconds * 1000;
  const world = await makeWorld(stepMs, tell);
  if (!world) return undefined;
  try {
    const log = await openLog(world.deployment.config, 'read-only');
    const sender = new Sender({
      rng: rng.fork(),
      url: new URL(world.mosquitto.url),
      machineCount: machines,
      messagesPerSecond,
      horizonMs: horizonMs(stepMs),
    });
    const watch = new LogWatch(log, (key) => sender.seen(key));
    try {
      // One after the other: the first makes the topics.
      const [ingest1, ...others] = world.members;
      ingest1?.start();
      await ingest1?.said('taking messages');
      for (const member of others) member.start();
      // Mosquitto keeps nothing for a session that it does not know.
      await others[0]?.said('taking messages');
      tell('services and processes are started');
      sender.start();
      watch.start();
      await recovered(sender, watch, signal);
      tell('the plant runs');
      const startedMs = performance.now();
      const struck = await strike(world, sender, watch, rng, { ...options, signal });
      const minutes = (performance.now() - startedMs) / 60_000;
      tell('the last fault is over');
      await sender.end();
      await recovered(sender, watch, signal);
      await finish(world);
      await settled(world, log);
      await world.results.stop();
      await watch.close();
      tell('everything has stopped; the account is taken');
      return {
        minutes,
        struck,
        account: await takeAccount(world, log, sender),
        selfEnded: world.selfEnded,
        hung: [...world.members, ...world.guests].filter(({ hung }) => hung > 0).map(({ name }) => name),
        backwards: watch.backwards,
        memoryMiB: Object.fromEntries(
          world.members.map(({ name, rssBytes }) => [
            name,
            rssBytes.map((bytes) => Math.round(bytes / 2 ** 20)),
          ]),
        ),
      };
    } finally {
      await watch.close();
      await log.close();
    }
  } finally {
    await world.close();
  }
}

async function strike(
  world: World,
  sender: Sender,
  watch: LogWatch,
  rng: Rng,
  { minutes, faults, tell, enough, signal }: CampaignOptions & { readonly signal: AbortSignal },
): Promise<Struck[]> {
  const kinds = possibleFaults(world, sender);
  const struck: Struck[] = [];
  const slotMs = (minutes * 60_000) / faults;
  const startedMs = performance.now();
  for (let count = 0; count < faults && enough?.aborted !== true; ) {
    const wanted = 1 + rng.int(3);
    const now = new Map<string, Fault>();
    while (now.size < wanted) {
      const one = kinds[rng.int(kinds.length)]?.(rng) as Fault;
      if (!now.has(one.target)) now.set(one.target, one);
    }
    const together = [...now.values()];
    count += together.length;
    tell(`${count}: ${together.map(({ kind, target }) => `${target}: ${kind}`).join(', and ')}`);
    await Promise.all(
      together.map(async (one) => {
        await one.begin();
        await sleep(one.durationMs);
        await one.end();
      }),
    );
    const endedMs = performance.now();
    for (const member of world.members) member.measure();
    // Every other one is followed by the next while the plant still recovers.
    const waits = rng.int(2) === 0;
    if (waits) await recovered(sender, watch, signal);
    const recoveredMs = waits ? Math.round(performance.now() - endedMs) : undefined;
    struck.push({
      faults: together.map(({ kind, target, durationMs }) => ({ kind, target, durationMs })),
      recoveredMs,
    });
    await sleep(Math.max(0, startedMs + count * slotMs - performance.now()));
  }
  return struck;
}

/** Resolves when what has been acknowledged until now is in the log, and all stages have passed what the log holds. */
async function recovered(sender: Sender, watch: LogWatch, abort: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([abort, AbortSignal.timeout(recoveryMaxMs)]);
  const nowMs = performance.now();
  for (let missing = sender.missingFrom(nowMs); missing.length > 0; missing = sender.missingFrom(nowMs)) {
    abort.throwIfAborted();
    if (signal.aborted)
      throw new Error(
        `${missing.length} acknowledged items have not reached the log: ${missing.slice(0, 5)}`,
      );
    await sleep(250);
  }
  await watch.caughtUp(signal);
}

/**
 * Brings all but the results to a stand: each stage passes what the log holds, and nothing is added to it any more. Who
 * stops may leave something in a partition that another has not taken over when it stops; one alone has all partitions.
 */
async function finish(world: World): Promise<void> {
  const others = world.members.filter((member) => member !== world.results);
  for (const member of [...world.guests, ...others]) await member.stop();
  const last = others.at(-1);
  last?.start();
  await last?.said('health and metrics are at');
  await last?.stop();
}

/**
 * Resolves when InfluxDB has all results and the pager all alerts that the log holds, in which nothing comes any more;
 * or when they should have long had them.
 */
async function settled(world: World, log: Log): Promise<void> {
  const endMs = performance.now() + recoveryMaxMs;
  while (performance.now() < endMs) {
    const { missing, extra } = await compareStores(world, log);
    if (missing + extra === 0 && (await findUntold(world, log)).length === 0) return;
    await sleep(10_000);
  }
}
