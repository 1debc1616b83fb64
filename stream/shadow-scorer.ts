/**
 * A challenger forecasts from the windows of a batch what the network in use forecasts from them. Nobody acts on it: its forecasts
 * go to a topic of their own. Where it fails, that is what its forecasts say, and those of the network in use are not touched.
 */
import type { Predictor } from '../domain/features.js';
import type { ForecastRecord } from '../domain/forecast.js';
import { listOf } from '../domain/list-of.js';
import type { MachineType } from '../domain/machine-type.js';
import { curveFault, obstacleIn } from './assessable.js';
import { forecastRecord } from './forecast-record.js';
import type { IssuedWindow } from './window-operator.js';

interface Scored {
  readonly window: IssuedWindow;
  readonly stepOffset: number;
}

/** The windows of one batch; use it before their memory is given back. */
export class ShadowScorer {
  readonly #types: ReadonlyMap<string, MachineType>;
  readonly #shadowFor: (type: string) => Predictor | undefined;
  readonly #windowsMax: number;
  /** By machine type; undefined: it has no challenger in this batch. */
  readonly #scored = new Map<string, { readonly by: Predictor; readonly windows: Scored[] } | undefined>();

  /** `windowsMax`: in one call of a challenger. */
  constructor(
    types: ReadonlyMap<string, MachineType>,
    shadowFor: (type: string) => Predictor | undefined,
    windowsMax: number,
  ) {
    this.#types = types;
    this.#shadowFor = shadowFor;
    this.#windowsMax = windowsMax;
  }

  /** Windows of open steps, and those that say too little, are passed over. */
  add(window: IssuedWindow, stepOffset: number): void {
    if (!this.#scored.has(window.type)) {
      const by = this.#shadowFor(window.type);
      this.#scored.set(window.type, by && { by, windows: [] });
    }
    const scored = this.#scored.get(window.type);
    const type = this.#types.get(window.type);
    if (!scored || !type || !window.final) return;
    if (obstacleIn(type, window.window.stepCount, window.coverage) !== '') return;
    scored.windows.push({ window, stepOffset });
  }

  /** A forecast of every window, by machine type in the order in which they were added. */
  async score(): Promise<readonly ForecastRecord[]> {
    const forecasts: ForecastRecord[] = [];
    for (const scored of this.#scored.values())
      for (let from = 0; scored && from < scored.windows.length; from += this.#windowsMax)
        forecasts.push(
          ...(await this.#scoreSome(scored.by, scored.windows.slice(from, from + this.#windowsMax))),
        );
    return forecasts;
  }

  async #scoreSome(by: Predictor, windows: readonly Scored[]): Promise<ForecastRecord[]> {
    const { horizonSteps } = by.spec;
    let curves: Float32Array;
    try {
      curves = await by.predict(windows.map(({ window }) => window.window));
    } catch (error) {
      return windows.map((scored) => forecast(by, scored, `it failed: ${String(error)}`, []));
    }
    return windows.map((scored, index) => {
      const curve = curves.subarray(index * horizonSteps, (index + 1) * horizonSteps);
      const fault = curve.length === horizonSteps ? curveFault(curve) : 'the model gave too few values';
      return forecast(by, scored, fault, fault === '' ? listOf(curve) : []);
    });
  }
}

function forecast(
  { version }: Predictor,
  { window, stepOffset }: Scored,
  fault: string,
  probabilities: readonly number[],
): ForecastRecord {
  const status = fault === '' ? 'ok' : 'not-assessable';
  return forecastRecord(window, stepOffset, { status, reason: fault, model: version, probabilities });
}
