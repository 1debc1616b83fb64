/** Latency of several networks, measured in turns, so that whatever else the machine does meets all of them alike. */
import { quantile } from '../../backtest/metrics/quantile.js';
import type { FeatureSpec, History } from '../../domain/features.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import type { TrainingConfig } from '../../model/config.js';
import { buildForecast } from '../../model/network-graph.js';
import { NetworkPredictor } from '../../model/predict.js';
import { planTraining } from '../../model/training-plan.js';
import { measureLatency } from '../latency.js';

/** Median times of a run, ms. */
export interface Latencies {
  readonly batch1Ms: number;
  readonly batch256Ms: number;
}

const rounds = 5;
const turnMs = 100;

/** Of networks as they are before training: latency does not depend on the weights. In the order of `configs`. */
export async function latenciesOf(
  spec: FeatureSpec,
  histories: readonly History[],
  configs: readonly TrainingConfig[],
  signal: AbortSignal,
): Promise<Latencies[]> {
  const engine = new OnnxEngine();
  try {
    const predictors: NetworkPredictor[] = [];
    for (const config of configs) {
      const { shape, preprocessing, parameters } = planTraining(spec, histories, config, 1);
      const graph = await engine.load(buildForecast(shape, preprocessing, parameters, {}));
      predictors.push(new NetworkPredictor('untrained', spec, graph));
    }
    const spans = predictors.map(() => ({ one: [] as number[], many: [] as number[] }));
    for (let round = 0; round < rounds; round++)
      for (const [index, predictor] of predictors.entries()) {
        signal.throwIfAborted();
        spans[index]?.one.push((await measureLatency(predictor, 1, turnMs)).p50Ms);
        spans[index]?.many.push((await measureLatency(predictor, 256, turnMs)).p50Ms);
      }
    const median = (values: readonly number[]) => quantile(Float64Array.from(values).sort(), 0.5);
    return spans.map(({ one, many }) => ({ batch1Ms: median(one), batch256Ms: median(many) }));
  } finally {
    await engine.close();
  }
}
