/**
 * Where a test finds a real service: at an address in the environment, in a container of this computer's Docker
 * engine, or as a program on the PATH. Where there is none the test skips, and says so; with
 * MILLWRIGHT_SERVICES=required that is a failure.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GenericContainer, StartedTestContainer } from 'testcontainers';

export interface Service {
  /** Ends what was started for the test; nothing for a service of the environment. Idempotent. */
  stop(): Promise<void>;
}

/** A service that belongs to one test alone, which may treat it badly. Its address stays the same. */
export interface OwnService extends Service {
  /** As by a power cut: SIGKILL. What it has on its disk stays. */
  kill(): Promise<void>;
  /** Starts it after `kill`; resolves when it answers. */
  startAgain(): Promise<void>;
  /** Stops answering without closing a connection, until `resume`. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Processor time that it has taken since it started, in seconds. */
  cpuS(): Promise<number>;
}

/** A service in a container. */
export interface OwnContainer extends OwnService {
  /** Of this computer. */
  readonly port: number;
  /** Runs a program beside the service; rejects with what it printed if it fails. */
  run(command: readonly string[]): Promise<void>;
}

/** A way to get at a service: undefined where this computer lacks it. */
export type Way<T> = () => Promise<T | undefined>;

/** The first way that there is. `how` says what a person may do to have the service. */
export async function firstOf<T>(name: string, how: string, ways: readonly Way<T>[]): Promise<T | undefined> {
  for (const way of ways) {
    const service = await way();
    if (service !== undefined) return service;
  }
  const sentence = `no ${name} here: ${how}`;
  if (process.env.MILLWRIGHT_SERVICES === 'required') throw new Error(sentence);
  console.error(`SKIPPED: ${sentence}`);
  return undefined;
}

/** What `describe` and `it` take: the reason to skip, or false. */
export function skipWithout(service: unknown, name: string): string | false {
  return service === undefined ? `no ${name} here` : false;
}

/**
 * Runs an image, whose container is made by `make`, on a port of this computer that stays the same when it starts
 * again. Undefined where there is no Docker engine, or neither the image nor a way to pull it.
 */
export async function startContainer(parts: {
  readonly image: string;
  /** The port inside; or the container is in the network of this computer, and takes the port that `make` is given. */
  readonly port: number | 'of the host';
  readonly make: (container: GenericContainer, hostPort: number) => GenericContainer;
  /** Resolves when the service answers. */
  readonly ready: (hostPort: number) => Promise<void>;
}): Promise<OwnContainer | undefined> {
  // Every test ends what it starts, and the reaper is one more image to pull. "localhost" may be ::1, which Docker's
  // proxy does not listen on.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';
  process.env.TESTCONTAINERS_HOST_OVERRIDE ??= '127.0.0.1';
  const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers');
  const client = await getContainerRuntimeClient().catch(() => undefined);
  if (client === undefined) return undefined;
  const image = client.container.dockerode.getImage(parts.image);
  const present = await image.inspect().then(
    () => true,
    () => false,
  );
  const hostPort = await freePort();
  const bare = new GenericContainer(parts.image).withStartupTimeout(240_000);
  const configured = parts.make(
    parts.port === 'of the host'
      ? bare.withNetworkMode('host')
      : bare.withExposedPorts({ container: parts.port, host: hostPort }),
    hostPort,
  );
  let started: StartedTestContainer;
  try {
    started = await configured.start();
  } catch (error) {
    if (present) throw error;
    console.error(
      `the image ${parts.image} cannot be pulled: ${error instanceof Error ? error.message : error}`,
    );
    return undefined;
  }
  const container = client.container.getById(started.getId());
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= container.remove({ force: true, v: true }).then(() => {});
    return stopping;
  };
  try {
    await parts.ready(hostPort);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port: hostPort,
    stop,
    run: async (command) => {
      const { exitCode, output } = await started.exec([...command]);
      if (exitCode !== 0) throw new Error(`${command.join(' ')}: exit code ${exitCode}: ${output}`);
    },
    kill: async () => {
      await container.kill();
      await container.wait();
    },
    startAgain: async () => {
      await container.start();
      await parts.ready(hostPort);
    },
    pause: async () => {
      await container.pause();
    },
    resume: async () => {
      await container.unpause();
    },
    cpuS: async () => {
      const { cpu_stats } = await container.stats({ stream: false, 'one-shot': true });
      return cpu_stats.cpu_usage.total_usage / 1e9;
    },
  };
}

/**
 * A TCP port for the tests of this process, as long as it runs: below those that systems give to connections and to
 * whoever asks for any port, and claimed before other processes that ask here, by its namesake of UDP.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    const claim = createSocket('udp4').unref();
    const server = createServer();
    try {
      claim.bind({ port, address: '127.0.0.1', exclusive: true });
      await once(claim, 'listening');
      server.listen(port);
      await once(server, 'listening');
      server.close();
      await once(server, 'close');
      return port;
    } catch (error) {
      claim.close();
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    }
  }
}

/** Tries `attempt` until it does not throw; after `longestMs` throws what it threw last. */
export async function eventually(attempt: () => Promise<unknown>, longestMs: number): Promise<void> {
  const end = performance.now() + longestMs;
  // An attempt may wait for nothing that keeps the process: a fetch whose connection hangs, say.
  const alive = setInterval(() => {}, 1000);
  try {
    for (;;) {
      try {
        await attempt();
        return;
      } catch (error) {
        if (performance.now() > end) throw error;
        await sleep(50);
      }
    }
  } finally {
    clearInterval(alive);
  }
}
