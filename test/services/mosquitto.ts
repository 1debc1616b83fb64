import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { startProgram } from './program.js';
import { eventually, firstOf, freePort, type OwnService, type Service, startContainer } from './service.js';

/** Debian's package stands in for it where Docker Hub is out of reach, under the same tag. */
export const mosquittoImage = 'eclipse-mosquitto:2.0.22';

const how = 'set MILLWRIGHT_MQTT to the address of a broker, or have Docker or the program mosquitto';

export interface Mosquitto extends Service {
  /** mqtt://host:port, where anyone may connect. */
  readonly url: string;
}

/** A broker that tests share: each takes topics and client ids of its own. */
export function startMosquitto(): Promise<Mosquitto | undefined> {
  const url = process.env.MILLWRIGHT_MQTT;
  return firstOf<Mosquitto>('Mosquitto', how, [
    async () => (url ? { url, stop: () => Promise.resolve() } : undefined),
    () => inContainer({}),
    () => onPath({}),
  ]);
}

export interface MosquittoOptions {
  /** Lines of mosquitto.conf in place of a listener that anyone may use, on the port that is given. */
  readonly listener?: (port: number, folder: string) => readonly string[];
  /** Files beside mosquitto.conf: name → content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Resolves when the broker answers. Default: a connection without a password. */
  readonly ready?: (port: number) => Promise<void>;
  /** Lines added to the broker's settings. */
  readonly settings?: readonly string[];
}

export interface OwnMosquitto extends Mosquitto, OwnService {
  readonly port: number;
}

/** A broker of the test's own, with the settings that the guide asks for (`docker/mosquitto/mosquitto.conf`). */
export function startOwnMosquitto(options: MosquittoOptions = {}): Promise<OwnMosquitto | undefined> {
  return firstOf<OwnMosquitto>('Mosquitto to be killed', 'have Docker or the program mosquitto', [
    () => inContainer(options),
    () => onPath(options),
  ]);
}

const anyone = (port: number): readonly string[] => [`listener ${port} 0.0.0.0`, 'allow_anonymous true'];

/**
 * `autosave_on_changes` with an interval of 1 saves after every change: Mosquitto acknowledges before it saves, and what
 * came since the last save is gone after a SIGKILL.
 */
function configText(
  { listener = anyone, settings = [] }: MosquittoOptions,
  port: number,
  folder: string,
  data: string,
): string {
  return [
    'persistence true',
    `persistence_location ${data}/`,
    'autosave_on_changes true',
    'autosave_interval 1',
    'max_queued_messages 0',
    'log_dest stdout',
    ...settings,
    ...listener(port, folder),
    '',
  ].join('\n');
}

async function connects(port: number): Promise<void> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { connectTimeout: 1000 }, false);
  await client.endAsync();
}

async function inContainer(options: MosquittoOptions): Promise<OwnMosquitto | undefined> {
  const { files = {}, ready = connects } = options;
  const folder = '/mosquitto/config';
  const started = await startContainer({
    image: mosquittoImage,
    port: 1883,
    make: (container) =>
      container.withCopyContentToContainer([
        {
          target: `${folder}/mosquitto.conf`,
          content: configText(options, 1883, folder, '/mosquitto/data'),
        },
        ...Object.entries(files).map(([name, content]) => ({ target: `${folder}/${name}`, content })),
      ]),
    ready: (port) => eventually(() => ready(port), 60_000),
  });
  return started && { ...started, url: `mqtt://127.0.0.1:${started.port}` };
}

async function onPath(options: MosquittoOptions): Promise<OwnMosquitto | undefined> {
  const { files = {}, ready = connects } = options;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'mosquitto-'));
  writeFileSync(join(folder, 'mosquitto.conf'), configText(options, port, folder, folder));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const started = await startProgram('mosquitto', ['-c', join(folder, 'mosquitto.conf')], {}, () =>
    eventually(() => ready(port), 60_000),
  );
  return started && { ...started, port, url: `mqtt://127.0.0.1:${port}` };
}
