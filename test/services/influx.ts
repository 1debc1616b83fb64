import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProgram } from './program.js';
import { eventually, firstOf, freePort, type OwnService, type Service, startContainer } from './service.js';

/** InfluxDB 1.8.10 built from Go modules where Docker Hub is out of reach, under the same tag. */
export const influxImage = 'influxdb:1.8';

export interface Influx extends Service {
  /** http://host:port, without a password. */
  readonly url: string;
}

/** A database server that tests share: each takes a database of its own. */
export function startInflux(): Promise<Influx | undefined> {
  const url = process.env.MILLWRIGHT_INFLUX;
  return firstOf<Influx>(
    'InfluxDB',
    'set MILLWRIGHT_INFLUX to the address of one, or have Docker or the program influxd',
    [
      async () => (url ? { url, stop: () => Promise.resolve() } : undefined),
      () => inContainer({}),
      () => onPath({}),
    ],
  );
}

export interface OwnInflux extends Influx, OwnService {
  readonly port: number;
}

/** A server of the test's own. `environment`: further settings, such as INFLUXDB_HTTP_AUTH_ENABLED. */
export function startOwnInflux(
  environment: Readonly<Record<string, string>> = {},
): Promise<OwnInflux | undefined> {
  return firstOf<OwnInflux>('InfluxDB to be killed', 'have Docker or the program influxd', [
    () => inContainer(environment),
    () => onPath(environment),
  ]);
}

/** Nothing is reported to InfluxData, nothing stored about itself. */
const quiet = { INFLUXDB_REPORTING_DISABLED: 'true', INFLUXDB_MONITOR_STORE_ENABLED: 'false' };

async function inContainer(environment: Readonly<Record<string, string>>): Promise<OwnInflux | undefined> {
  const started = await startContainer({
    image: influxImage,
    port: 8086,
    make: (container) => container.withEnvironment({ ...quiet, ...environment }),
    ready: answers,
  });
  return started && { ...started, url: `http://127.0.0.1:${started.port}` };
}

async function onPath(environment: Readonly<Record<string, string>>): Promise<OwnInflux | undefined> {
  const [port, rpcPort] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'influxd-'));
  const settings = {
    INFLUXDB_HTTP_BIND_ADDRESS: `127.0.0.1:${port}`,
    INFLUXDB_BIND_ADDRESS: `127.0.0.1:${rpcPort}`,
    INFLUXDB_META_DIR: join(folder, 'meta'),
    INFLUXDB_DATA_DIR: join(folder, 'data'),
    INFLUXDB_DATA_WAL_DIR: join(folder, 'wal'),
    ...quiet,
    ...environment,
  };
  const started = await startProgram('influxd', [], settings, () => answers(port));
  return started && { ...started, port, url: `http://127.0.0.1:${port}` };
}

function answers(port: number): Promise<void> {
  return eventually(async () => {
    const { status } = await fetch(`http://127.0.0.1:${port}/ping`, { signal: AbortSignal.timeout(1000) });
    if (status !== 204) throw new Error(`InfluxDB on port ${port} answers /ping with ${status}`);
  }, 60_000);
}
