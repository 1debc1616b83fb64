/** Looks at one thing after another and says what it found. Starts nothing, changes nothing. */
import { constants, existsSync } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { UserError } from '../domain/errors.js';
import type { Engine } from '../model/ports.js';
import { openPredictor } from '../model/predict.js';
import { featureSpec } from '../stream/features.js';
import { type Deployment, loadDeployment } from './config.js';
import { checkInflux } from './doctor-influx.js';
import { checkKafka } from './doctor-kafka.js';
import { checkBroker } from './doctor-mqtt.js';
import { openEngine } from './engine.js';
import { about, type Finding } from './finding.js';
import { computeLedger } from './ledger.js';
import { currentVersionFolder } from './model-folder.js';
import { openLog } from './open-log.js';
import { openStore } from './open-store.js';
import { formatBytes, formatCounted } from './terminal/format.js';
import { formatLedger } from './terminal/ledger-line.js';
import { codeVersion } from './training.js';

/** Below this the log may fill the disk within days. */
const freeBytesMin = 1e9;

export async function diagnose(configFile: string): Promise<Finding[]> {
  const findings: Finding[] = [checkNode(process.versions.node)];
  let deployment: Deployment;
  try {
    deployment = loadDeployment(configFile);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [...findings, { what: 'configuration', state: 'bad', sentence: error.message }];
  }
  findings.push({ what: 'configuration', state: 'good', sentence: `${deployment.file} is valid` });
  findings.push(await checkFolder(deployment.config.dataDir));
  findings.push(...(await checkLog(deployment)), ...(await checkStore(deployment)));
  findings.push(...(await checkModels(deployment)));
  findings.push(
    ...(await checkMqtt(deployment)),
    await checkPort('page', deployment.config.http.host, deployment.config.http.port),
  );
  return findings;
}

/** The oldest Node that is supported is package.json's `engines`. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fits = major > 20 || (major === 20 && minor >= 19);
  return fits
    ? { what: 'node', state: 'good', sentence: version }
    : { what: 'node', state: 'bad', sentence: `${version} is too old: install Node 20.19 or newer` };
}

async function checkFolder(dir: string): Promise<Finding> {
  const what = 'data folder';
  // What is not there yet is made in the nearest folder that is.
  let nearest = dir;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  try {
    await access(nearest, constants.W_OK);
  } catch (error) {
    return {
      what,
      state: 'bad',
      sentence: `${dir} cannot be written (${String(error)}): choose another \`dataDir\`, or change its owner`,
    };
  }
  const { bavail, bsize } = await statfs(nearest);
  const free = bavail * bsize;
  return free < freeBytesMin
    ? {
        what,
        state: 'warning',
        sentence: `${dir} has ${formatBytes(free)} free: make room, or shorten log.retentionMs`,
      }
    : { what, state: 'good', sentence: `${dir}, ${formatBytes(free)} free` };
}

async function checkLog({ config }: Deployment): Promise<Finding[]> {
  if (config.log.kind === 'kafka') return checkKafka(config.log);
  if (!existsSync(join(config.dataDir, 'log'))) return [notYet('log')];
  return [
    await about('log', async () => {
      const log = await openLog(config, 'read-only');
      try {
        return formatLedger(await computeLedger(log));
      } finally {
        await log.close();
      }
    }),
  ];
}

async function checkStore(deployment: Deployment): Promise<Finding[]> {
  const { store, dataDir } = deployment.config;
  if (store.kind === 'influx') return checkInflux(deployment, store);
  if (!existsSync(join(dataDir, 'store'))) return [notYet('store')];
  return [
    await about('store', async () => {
      const { store } = await openStore(deployment, 'read-only');
      try {
        return `forecasts of ${formatCounted((await store.fleet()).length, 'machine')}`;
      } finally {
        await store.close();
      }
    }),
  ];
}

function notYet(what: string): Finding {
  return { what, state: 'good', sentence: 'there is none yet: `millwright run` makes it' };
}

async function checkModels({ config, types }: Deployment): Promise<Finding[]> {
  let engine: Engine;
  try {
    engine = openEngine(config.model.engine);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [{ what: 'engine', state: 'bad', sentence: error.message }];
  }
  try {
    const findings: Finding[] = [];
    for (const [name, type] of types) {
      const what = `model ${name}`;
      const folder = await currentVersionFolder(config.model.dir, name);
      if (folder === undefined)
        findings.push({
          what,
          state: 'warning',
          sentence: 'no network is trained: machines are not assessable until `millwright train` has run',
        });
      else
        findings.push(
          await about(
            what,
            async () => (await openPredictor(folder, engine, featureSpec(type), codeVersion())).version,
          ),
        );
    }
    return findings;
  } finally {
    await engine.close();
  }
}

async function checkMqtt({ config: { mqtt } }: Deployment): Promise<Finding[]> {
  return mqtt.kind === 'embedded' ? [await checkPort('mqtt', mqtt.host, mqtt.port)] : checkBroker(mqtt);
}

/** A port that we would listen on: free, or taken (perhaps by a Millwright that is running). */
async function checkPort(what: string, host: string, port: number): Promise<Finding> {
  const taken = port !== 0 && (await isTaken(host, port));
  return taken
    ? {
        what,
        state: 'warning',
        sentence: `port ${port} of ${host} is in use: by a Millwright that is running, or choose another port`,
      }
    : { what, state: 'good', sentence: `port ${port} of ${host} is free` };
}

function isTaken(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(true));
    probe.listen(port, host, () => probe.close(() => resolve(false)));
  });
}
