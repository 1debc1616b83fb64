/**
 * The networks that a running pipeline forecasts with, one per machine type, and their replacement while it runs.
 *
 * A newly trained version is opened, checked and warmed up beside the one in use; then it takes its place for whatever
 * begins after that. What had begun ends with the version that it began with, which is closed when the last of it has
 * ended: see `use`. A version that cannot be used leaves the one in use where it is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../domain/clock.js';
import { UserError } from '../domain/errors.js';
import type { Predictor } from '../domain/features.js';
import type { PartitionHandler, PartitionId } from '../domain/log.js';
import type { MachineType } from '../domain/machine-type.js';
import type { ValuePredictor } from '../domain/values.js';
import type { HealthReport } from '../infra/http/ports.js';
import { CurveCache } from '../model/curve-cache.js';
import { openStandIn, type StandIn } from '../model/fallback/stand-in.js';
import type { Engine } from '../model/ports.js';
import type { NetworkPredictor } from '../model/predict.js';
import { openValuePredictor, type ValueNetworkPredictor } from '../model/values/value-predict.js';
import { featureSpec } from '../stream/features.js';
import type { Deployment } from './config.js';
import { openEngine } from './engine.js';
import { LiveShadows } from './live-shadows.js';
import type { Logger } from './logger.js';
import { currentVersionFolder, type ForecastKind } from './model-folder.js';
import { openWarm } from './open-warm.js';
import { codeVersion } from './training.js';

/** Curves remembered per network for whoever asks over HTTP: about 4 MB. */
const cachedCurvesMax = 10_000;

export interface LiveModel {
  readonly type: string;
  readonly version: string;
  readonly directory: string;
  readonly predictor: NetworkPredictor;
  /** For sequences that come from outside; the stages ask the predictor itself. */
  readonly cache: CurveCache;
  /** In use since then, wall clock. */
  readonly sinceMs: number;
  /** From opening its files to the end of the warm-up. */
  readonly openedInMs: number;
}

interface LiveValues {
  readonly directory: string;
  readonly predictor: ValueNetworkPredictor;
}

const kinds: readonly ForecastKind[] = ['failures', 'values'];

function faultKey(type: string, kind: ForecastKind): string {
  return kind === 'failures' ? type : `${type} (values)`;
}

export class LiveModels {
  readonly #deployment: Deployment;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #engine: Engine;
  readonly #models = new Map<string, LiveModel>();
  readonly #values = new Map<string, LiveValues>();
  /** Of types whose network could not be used when all began. */
  readonly #standIns = new Map<string, StandIn>();
  /** Machine type → why the version that `current` names is not in use. */
  readonly #faults = new Map<string, string>();
  /** What has begun and not ended. */
  readonly #uses = new Set<Promise<unknown>>();
  readonly #retiring = new Set<Promise<void>>();
  /** What scores beside them; ask inside `use`, as for `get`. */
  readonly shadows: LiveShadows;
  readonly #stop = new AbortController();
  #watching: Promise<void> | undefined;
  #checking: Promise<void> = Promise.resolve();
  #swapCount = 0;

  private constructor(deployment: Deployment, logger: Logger, clock: Clock) {
    this.#deployment = deployment;
    this.#engine = openEngine(deployment.config.model.engine);
    this.#logger = logger;
    this.#clock = clock;
    const { dir } = deployment.config.model;
    this.shadows = new LiveShadows(dir, this.#engine, logger, (predictor) => this.#retire(predictor));
  }

  /**
   * Opens the version in use of every type; a type without one has none until it is trained. For one that is there but
   * cannot be used its simple models stand in. UserError where they cannot: with nothing else in use, nothing is served.
   */
  static async open(deployment: Deployment, logger: Logger, clock: Clock): Promise<LiveModels> {
    const models = new LiveModels(deployment, logger, clock);
    try {
      for (const [name, type] of deployment.types) {
        const folder = await currentVersionFolder(deployment.config.model.dir, name);
        if (folder !== undefined) await models.#openFirst(folder, type);
        const values = await currentVersionFolder(deployment.config.model.dir, name, 'values');
        if (values !== undefined) models.#values.set(name, await models.#openValues(values, type));
        await models.shadows.check(type);
        if (folder === undefined)
          logger.warn(
            { type: name },
            values === undefined
              ? `no network for machine type ${name}: its machines are not assessable; run \`millwright train\``
              : `no network for failures of machine type ${name}: its machines have a health index instead; run \`millwright train\` when failures are on record`,
          );
      }
    } catch (error) {
      await models.close();
      throw error;
    }
    return models;
  }

  /** The network in use of a type, or what stands in for it. Ask inside `use`, and keep it no longer than that. */
  get(type: string): Predictor | undefined {
    return this.#models.get(type)?.predictor ?? this.#standIns.get(type);
  }

  /** What forecasts the values of a type's sensors. Ask inside `use`, as for `get`. */
  readonly values: Pick<ReadonlyMap<string, ValuePredictor>, 'get'> = {
    get: (type) => this.#values.get(type)?.predictor,
  };

  /** As `get`, with what else is known of it. */
  model(type: string): LiveModel | undefined {
    return this.#models.get(type);
  }

  /** All that are in use. */
  inUse(): Iterable<LiveModel> {
    return this.#models.values();
  }

  /** Every network that `work` gets stays open until it has ended, even if it is replaced meanwhile. */
  use<T>(work: () => Promise<T>): Promise<T> {
    const ended = work();
    this.#uses.add(ended);
    const forget = () => this.#uses.delete(ended);
    ended.then(forget, forget);
    return ended;
  }

  /** Handlers whose every batch is forecast by the networks in use when it began: one version per machine type. */
  holding(
    handlerFor: (partition: PartitionId) => PartitionHandler,
  ): (partition: PartitionId) => PartitionHandler {
    return (partition) => {
      const handler = handlerFor(partition);
      return {
        restore: (state) => handler.restore(state),
        process: (batch) => this.use(() => handler.process(batch)),
        close: () => handler.close(),
      };
    };
  }

  /** Looks for new versions every `everyMs` until closed. */
  watch(everyMs: number): void {
    this.#watching ??= (async () => {
      const { signal } = this.#stop;
      while (!signal.aborted) {
        await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
        if (!signal.aborted) await this.check();
      }
    })();
  }

  /** Takes what was trained meanwhile into use; resolves when that is done. Never rejects: `faults` has what cannot be. */
  check(): Promise<void> {
    this.#checking = this.#checking.then(async () => {
      for (const type of this.#deployment.types.values()) {
        await this.#checkType(type);
        await this.shadows.check(type);
      }
    });
    return this.#checking;
  }

  /** Machine type (of a value network with "(values)" behind) → why its newest version is not in use, as a sentence. */
  get faults(): ReadonlyMap<string, string> {
    return this.#faults;
  }

  /** Replacements since the start. */
  get swapCount(): number {
    return this.#swapCount;
  }

  /** A check per type whose newest version is not in use. */
  health(): HealthReport['checks'] {
    return kinds.flatMap((kind) =>
      [...this.#deployment.types.keys()].flatMap((type) => {
        const fault = this.#faults.get(faultKey(type, kind));
        if (fault === undefined) return [];
        const detail = `${this.#staying(type, kind)}, because the newest cannot be used: ${fault}`;
        return [{ name: `model ${faultKey(type, kind)}`, status: 'degraded' as const, detail }];
      }),
    );
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await this.#checking;
    await Promise.allSettled(this.#uses);
    await Promise.all(this.#retiring);
    await this.#engine.close();
  }

  async #checkType(type: MachineType): Promise<void> {
    const { name } = type;
    await this.#attempt(name, 'failures', async (folder) => {
      const before = this.#models.get(name);
      if (folder === before?.directory) return;
      const model = await this.#openVersion(folder, type);
      this.#models.set(name, model);
      this.#standIns.delete(name);
      this.#tellSwap(name, 'forecast', model.version, before?.version);
      if (before) this.#retire(before.predictor);
    });
    await this.#attempt(name, 'values', async (folder) => {
      const before = this.#values.get(name);
      if (folder === before?.directory) return;
      const values = await this.#openValues(folder, type);
      this.#values.set(name, values);
      this.#tellSwap(name, 'told the values of', values.predictor.version, before?.predictor.version);
      if (before) this.#retire(before.predictor);
    });
  }

  #tellSwap(type: string, done: string, version: string, before: string | undefined): void {
    this.#swapCount += 1;
    this.#logger.info(
      { type, version, before: before ?? null },
      `machine type ${type} is now ${done} by ${version}${before === undefined ? '' : `, before by ${before}`}`,
    );
  }

  /** Takes what `current` names; a fault is kept, and told once. */
  async #attempt(type: string, kind: ForecastKind, take: (folder: string) => Promise<void>): Promise<void> {
    const key = faultKey(type, kind);
    try {
      const folder = await currentVersionFolder(this.#deployment.config.model.dir, type, kind);
      if (folder !== undefined) await take(folder);
      this.#faults.delete(key);
    } catch (error) {
      // It is looked at again next time: a folder that is still being copied is whole then.
      const fault = error instanceof Error ? error.message : String(error);
      if (this.#faults.get(key) === fault) return;
      this.#faults.set(key, fault);
      this.#logger.error({ type }, `${this.#staying(type, kind)}: ${fault}`);
      if (!(error instanceof UserError)) this.#logger.error({ type, error }, 'this is a bug in millwright');
    }
  }

  #staying(type: string, kind: ForecastKind): string {
    const inUse = kind === 'failures' ? this.#models.get(type) : this.#values.get(type)?.predictor;
    if (inUse) return `${inUse.version} stays in use for ${type}`;
    return kind === 'failures' && this.#standIns.has(type)
      ? `the simple models of ${this.#standIns.get(type)?.version} forecast the failures of ${type}`
      : `no network for the ${kind} of ${type}`;
  }

  async #openFirst(directory: string, type: MachineType): Promise<void> {
    const { name } = type;
    try {
      this.#models.set(name, await this.#openVersion(directory, type));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const standIn = await openStandIn(directory, error.message, featureSpec(type), codeVersion());
      if (!standIn) throw error;
      this.#standIns.set(name, standIn);
      this.#faults.set(faultKey(name, 'failures'), error.message);
      this.#logger.error({ type: name }, `${this.#staying(name, 'failures')}: ${error.message}`);
    }
  }

  async #openVersion(directory: string, type: MachineType): Promise<LiveModel> {
    const startedMs = this.#clock.nowMs();
    const predictor = await openWarm(directory, this.#engine, type);
    if (!predictor.fallback)
      this.#logger.warn(
        { type: type.name, version: predictor.version },
        `${predictor.version} has no simple models: where it cannot be used or believed, machines of type ${type.name} are not assessable; \`millwright train\` makes a version that has them`,
      );
    const sinceMs = this.#clock.nowMs();
    return {
      type: type.name,
      version: predictor.version,
      directory,
      predictor,
      cache: new CurveCache(predictor, cachedCurvesMax),
      sinceMs,
      openedInMs: sinceMs - startedMs,
    };
  }

  async #openValues(directory: string, type: MachineType): Promise<LiveValues> {
    return {
      directory,
      predictor: await openValuePredictor(directory, this.#engine, featureSpec(type), codeVersion()),
    };
  }

  #retire(predictor: { readonly version: string; close(): Promise<void> }): void {
    const closed = Promise.allSettled(this.#uses)
      .then(() => predictor.close())
      .catch((error: unknown) => this.#logger.error({ error }, `cannot close ${predictor.version}`))
      .finally(() => this.#retiring.delete(closed));
    this.#retiring.add(closed);
  }
}
