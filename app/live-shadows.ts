/** The challengers that score beside the networks in use, one per machine type at most. What is wrong with one concerns nothing else. */
import type { Predictor } from '../domain/features.js';
import type { MachineType } from '../domain/machine-type.js';
import type { Engine } from '../model/ports.js';
import type { NetworkPredictor } from '../model/predict.js';
import type { Logger } from './logger.js';
import { currentVersionFolder } from './model-folder.js';
import { openWarm } from './open-warm.js';

interface LiveShadow {
  readonly directory: string;
  readonly predictor: NetworkPredictor;
}

export class LiveShadows {
  readonly #modelDir: string;
  readonly #engine: Engine;
  readonly #logger: Logger;
  readonly #retire: (predictor: NetworkPredictor) => void;
  readonly #shadows = new Map<string, LiveShadow>();
  /** Machine type → what was told last of why there is none. */
  readonly #faults = new Map<string, string>();

  /** `retire` closes one when nothing uses it any more. */
  constructor(
    modelDir: string,
    engine: Engine,
    logger: Logger,
    retire: (predictor: NetworkPredictor) => void,
  ) {
    this.#modelDir = modelDir;
    this.#engine = engine;
    this.#logger = logger;
    this.#retire = retire;
  }

  get(type: string): Predictor | undefined {
    return this.#shadows.get(type)?.predictor;
  }

  /** Takes what the file `shadow` of a type names; never rejects: a fault is told once. */
  async check(type: MachineType): Promise<void> {
    const { name } = type;
    try {
      const folder = await currentVersionFolder(this.#modelDir, name, 'shadow');
      const before = this.#shadows.get(name);
      if (folder === before?.directory) return;
      const opened =
        folder === undefined
          ? undefined
          : { directory: folder, predictor: await openWarm(folder, this.#engine, type) };
      if (opened) this.#shadows.set(name, opened);
      else this.#shadows.delete(name);
      if (before) this.#retire(before.predictor);
      this.#faults.delete(name);
      this.#logger.info(
        { type: name, version: opened?.predictor.version ?? null },
        opened
          ? `${opened.predictor.version} scores the windows of ${name} in the shadow`
          : `nothing scores the windows of ${name} in the shadow any more`,
      );
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      if (this.#faults.get(name) === fault) return;
      this.#faults.set(name, fault);
      this.#logger.error({ type: name }, `the version in the shadow of ${name} cannot be used: ${fault}`);
    }
  }
}
