import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProgram } from './program.js';
import { eventually, firstOf, freePort, type OwnService, startContainer } from './service.js';

/** As in docker-compose.yml. Where it cannot be pulled, Debian's package `prometheus-alertmanager` does as well. */
const alertmanagerImage = 'prom/alertmanager:v0.28.1';

/** What of an alert the interface tells. */
export interface AlertmanagerAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
}

export interface OwnAlertmanager extends OwnService {
  readonly url: string;
  /** Those that are not over. */
  alerts(): Promise<readonly AlertmanagerAlert[]>;
}

/** Tells nobody. */
const config = 'route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n';

/** An Alertmanager of the test's own. It has its alerts in memory: killed, it knows of none. */
export async function startOwnAlertmanager(): Promise<OwnAlertmanager | undefined> {
  const started = await firstOf<OwnService & { readonly port: number }>(
    'Alertmanager',
    'have the program prometheus-alertmanager, or Docker',
    [onPath, inContainer],
  );
  if (!started) return undefined;
  const url = `http://127.0.0.1:${started.port}`;
  return {
    ...started,
    url,
    alerts: async () => {
      const response = await fetch(`${url}/api/v2/alerts`, { signal: AbortSignal.timeout(20_000) });
      if (!response.ok) throw new Error(`Alertmanager answers ${response.status}`);
      return (await response.json()) as AlertmanagerAlert[];
    },
  };
}

function inContainer(): Promise<(OwnService & { readonly port: number }) | undefined> {
  return startContainer({
    image: alertmanagerImage,
    port: 9093,
    make: (container) =>
      container.withCopyContentToContainer([
        { target: '/etc/alertmanager/alertmanager.yml', content: config },
      ]),
    ready,
  });
}

async function onPath(): Promise<(OwnService & { readonly port: number }) | undefined> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'alertmanager-'));
  writeFileSync(join(folder, 'alertmanager.yml'), config);
  const args = [
    `--config.file=${join(folder, 'alertmanager.yml')}`,
    `--storage.path=${folder}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ];
  const started = await startProgram('prometheus-alertmanager', args, {}, () => ready(port));
  return started && { ...started, port };
}

function ready(port: number): Promise<void> {
  return eventually(async () => {
    const { status } = await fetch(`http://127.0.0.1:${port}/-/ready`, { signal: AbortSignal.timeout(1000) });
    if (status !== 200) throw new Error(`Alertmanager on port ${port} answers /-/ready with ${status}`);
  }, 60_000);
}
