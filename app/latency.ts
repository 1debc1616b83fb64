/** How long a forecast takes, as the pipeline asks for it: windows to the engine's thread, curves back. */
import { performance } from 'node:perf_hooks';
import { quantile } from '../backtest/metrics/quantile.js';
import type { FeatureWindow } from '../domain/features.js';
import { Rng } from '../domain/rng.js';
import type { NetworkPredictor } from '../model/predict.js';

export interface Latency {
  readonly batch: number;
  /** Of one run of the whole batch. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly runCount: number;
}

/** Runs for about `ms`, after a warm-up of a tenth of it; at least 5 runs. */
export async function measureLatency(
  predictor: NetworkPredictor,
  batch: number,
  ms: number,
): Promise<Latency> {
  const { contextSteps, names } = predictor.spec;
  const rng = new Rng(1);
  const windows = Array.from(
    { length: batch },
    (): FeatureWindow => ({
      rows: Float32Array.from({ length: contextSteps * names.length }, () => rng.normal()),
      stepCount: contextSteps,
    }),
  );
  const spans: number[] = [];
  const startedMs = performance.now();
  let nowMs = startedMs;
  while (nowMs - startedMs < 1.1 * ms || spans.length < 5) {
    const isWarm = nowMs - startedMs >= 0.1 * ms;
    await predictor.foresee(windows);
    const endMs = performance.now();
    if (isWarm) spans.push(endMs - nowMs);
    nowMs = endMs;
  }
  spans.sort((a, b) => a - b);
  return { batch, p50Ms: quantile(spans, 0.5), p95Ms: quantile(spans, 0.95), runCount: spans.length };
}
