/** A small plant in a folder of its own: pumps with two sensors, hourly steps, and a network trained in seconds. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Deployment, loadDeployment } from '../../app/config.js';
import { buildHistories } from '../../app/history.js';
import { trainNetworkFor } from '../../app/training.js';
import type { Dataset, DatasetRecord } from '../../domain/dataset.js';
import { Rng } from '../../domain/rng.js';
import { trainingConfigSchema } from '../../model/config.js';

export const hourMs = 3_600_000;

const pump = `name: pump
sensors:
  - { name: temp, unit: degC, min: -50, max: 150 }
  - { name: vib, unit: mm/s, min: 0, max: 50 }
  - { name: count }
aggregates: [mean, max]
eventCodes: [overload]
maintenanceKinds: [oil]
step: { kind: fixed, durationMs: 1h }
revisionSteps: 30
provisionalEveryMs: 20m
windowSteps: 4
horizonSteps: 5
minimumSteps: 3
minimumCoverage: 0
failureEndsLife: false
`;

/** The page listens on any free port, as does the broker; every rule fires as soon as there is a forecast. */
const deployment = `plant: { name: Test plant, site: north }
machineTypes: [pump.yaml]
machines: [{ match: "pump-*" }]
dataDir: data
model: { dir: models }
mqtt: { kind: embedded, port: 0 }
http: { port: 0 }
ingest: { time: TIME, tickEveryMs: 100ms, payloadBytesMax: 4096 }
log: { kind: embedded, partitions: 3 }
alerts:
  rules:
    - name: soon
      condition: failure_probability(5h)
      severities: [{ name: warning, set: 0.000001, reset: 0.0000001 }]
`;

export interface Plant {
  readonly dir: string;
  /** The deployment file. */
  readonly file: string;
}

/** Times come from messages unless told otherwise. The caller removes the folder with `removePlant`. */
export function makePlant(time: 'wall' | 'messages' = 'messages'): Plant {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-scenario-'));
  mkdirSync(join(dir, 'models'));
  writeFileSync(join(dir, 'pump.yaml'), pump);
  const file = join(dir, 'millwright.yaml');
  writeFileSync(file, deployment.replace('TIME', time));
  return { dir, file };
}

export function removePlant({ dir }: Plant): void {
  rmSync(dir, { recursive: true, force: true });
}

/** Trains a network for the pumps: a bad one, but every stage runs as with a good one. */
export async function trainPumps({ file }: Plant, seed = 1): Promise<Deployment> {
  const deployment = loadDeployment(file);
  const type = deployment.types.get('pump');
  if (!type) throw new Error('no pump');
  const { step } = type;
  const stepMs = step.kind === 'fixed' ? step.durationMs : 24 * hourMs;
  const histories = await buildHistories(deployment, pumpHistory(stepMs));
  await trainNetworkFor({
    type,
    histories: histories.get('pump') ?? [],
    modelDir: deployment.config.model.dir,
    config: trainingConfigSchema.parse({ hiddenSize: 4, batchSize: 8, steps: 4, validateEverySteps: 2 }),
    seed,
  });
  return deployment;
}

/** Ten pumps that get warm and fail after a day or two of hourly steps, from 1970 on. */
export function pumpHistory(stepMs = hourMs): Dataset {
  const rng = new Rng(7);
  const lives = Array.from({ length: 10 }, (_, index) => ({
    machine: `pump-${index}`,
    steps: 24 + rng.int(24),
  }));
  return {
    name: 'pumps',
    skipped: [],
    machines: lives.map(({ machine, steps }) => ({
      machine,
      attributes: {},
      firstMs: 0,
      lastMs: steps * stepMs,
      knownUntilMs: steps * stepMs,
      failuresMs: [steps * stepMs],
    })),
    async *records(): AsyncGenerator<DatasetRecord> {
      const noise = new Rng(8);
      for (let step = 0; step <= 48; step++)
        for (const { machine, steps } of lives) {
          const timeMs = step * stepMs;
          const values = { temp: 20 + (60 * step) / steps + noise.normal(), vib: 3 + noise.uniform() };
          if (step < steps) yield { kind: 'readings', machine, timeMs, values };
          if (step === steps) yield { kind: 'event', machine, timeMs, event: 'failure', code: '' };
        }
    },
  };
}
