/**
 * What the forecasts of a machine rest on: the network, or a rung below it where the network cannot be trusted. Down at
 * once, up again after some good origins in a row. What is remembered belongs to origins, not to the moment: a late
 * reading re-issues the forecast of its origin from what was known of the origins up to it, and of no later one.
 */
import { Buffer } from 'node:buffer';
import type { Doubt, Fallback, Rung, SimpleRung } from '../domain/fallback.js';
import { rungs } from '../domain/fallback.js';
import type { FeatureWindow } from '../domain/features.js';
import type { StateEntry } from '../domain/log.js';
import { curveFault } from './assessable.js';
import type { IssuedWindow } from './window-operator.js';

/** Origins in a row that must allow a rung before it is used again, the newest among them. */
const goodOriginsNeeded = 3;

/** The best rung that something allows, and why no better one, in words; '' for the network. */
export interface Verdict {
  readonly rung: Rung;
  readonly reason: string;
}

export const trusted: Verdict = { rung: 'network', reason: '' };

/**
 * What the simple models say of a window. It can be had before the network has answered: that is another thread's work.
 */
export interface SimpleView {
  readonly doubt: Doubt | undefined;
  /** [H] */
  readonly smoothed: Float32Array;
}

export function viewOf(fallback: Fallback, window: FeatureWindow): SimpleView {
  return { doubt: fallback.doubtInputs(window), smoothed: fallback.smoothed(window) };
}

/**
 * The verdict of one window, by itself. `curve` [H] is what the network says of it, `fault` what is wrong with the network
 * or with that; '': nothing. Without a view nobody doubts it. The lowest rung counts.
 */
export function judgeCurve(
  fallback: Fallback | undefined,
  view: SimpleView | undefined,
  curve: Float32Array,
  fault: string,
): Verdict {
  if (view?.doubt?.rung === 'age') return view.doubt;
  if (fault !== '') return { rung: 'smoothing', reason: fault };
  return view?.doubt ?? (view && fallback?.doubtCurve(curve, view.smoothed)) ?? trusted;
}

/** The curve of a rung, or of the next one below that has one; undefined: none has. */
export function simpleCurve(
  fallback: Fallback,
  window: FeatureWindow,
  rung: SimpleRung,
): { readonly rung: SimpleRung; readonly curve: Float32Array } | undefined {
  if (rung === 'smoothing') {
    const curve = fallback.smoothed(window);
    if (curveFault(curve) === '') return { rung, curve };
  }
  const curve = fallback.byAge(window);
  return curve && curveFault(curve) === '' ? { rung: 'age', curve } : undefined;
}

/** The origins of one machine that did not allow the network. */
interface Memory {
  /** Version of the network that was not allowed: another one begins anew. */
  readonly model: string;
  readonly lifeStartMs: number;
  /** By ordinal of the step in the life. */
  readonly faults: Map<number, { readonly rung: SimpleRung; readonly reason: string }>;
}

const keyPrefix = 'ladder|';
const version = 1;

/** Of the machines of one partition. */
export class Ladder {
  readonly #memories = new Map<string, Memory>();
  readonly #changed = new Set<string>();

  /** Whether a state entry is one of `takeChanges`. */
  static owns(key: string): boolean {
    return key.startsWith(keyPrefix);
  }

  /**
   * The rung of a forecast, by its own verdict and those of the origins before it. Of final windows the verdict is remembered.
   * `revisionSteps`: how far back an origin may come again.
   */
  stand(window: IssuedWindow, model: string, verdict: Verdict, revisionSteps: number): Verdict {
    const { machine, stepIndex, lifeStartMs } = window;
    let memory = this.#memories.get(machine);
    if (memory && (memory.model !== model || memory.lifeStartMs !== lifeStartMs)) {
      this.forget(machine);
      memory = undefined;
    }
    if (verdict.rung !== 'network' && window.final && !memory) {
      memory = { model, lifeStartMs, faults: new Map() };
      this.#memories.set(machine, memory);
    }
    if (!memory) return verdict;
    if (window.final) this.#remember(machine, memory, stepIndex, verdict, revisionSteps);
    return held(memory, stepIndex, verdict);
  }

  /** A machine that is there no more. */
  forget(machine: string): void {
    if (this.#memories.delete(machine)) this.#changed.add(machine);
  }

  /** State entries changed since the last call. */
  takeChanges(): StateEntry[] {
    const entries = [...this.#changed].map((machine): StateEntry => {
      const memory = this.#memories.get(machine);
      return { key: keyPrefix + machine, value: memory ? encode(memory) : null };
    });
    this.#changed.clear();
    return entries;
  }

  restore(entries: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    for (const { key, value } of entries) {
      const memory = decode(value);
      if (memory) this.#memories.set(key.slice(keyPrefix.length), memory);
      else this.#changed.add(key.slice(keyPrefix.length));
    }
  }

  #remember(machine: string, memory: Memory, stepIndex: number, verdict: Verdict, revisionSteps: number) {
    const { faults } = memory;
    const before = faults.get(stepIndex);
    const fault = verdict.rung === 'network' ? undefined : { rung: verdict.rung, reason: verdict.reason };
    if (fault) faults.set(stepIndex, fault);
    else faults.delete(stepIndex);
    let isChanged = before?.rung !== fault?.rung || before?.reason !== fault?.reason;
    for (const step of faults.keys())
      if (step <= stepIndex - goodOriginsNeeded - revisionSteps) isChanged = faults.delete(step);
    if (isChanged) this.#changed.add(machine);
    if (faults.size === 0) this.#memories.delete(machine);
  }
}

/** The lowest of the verdict and the faults of the origins that still count. */
function held({ faults }: Memory, stepIndex: number, verdict: Verdict): Verdict {
  let lowest: Verdict = verdict;
  for (let step = stepIndex - 1; step > stepIndex - goodOriginsNeeded; step--) {
    const fault = faults.get(step);
    if (!fault || rungs.indexOf(fault.rung) <= rungs.indexOf(lowest.rung)) continue;
    const reason = `${fault.reason}; ${stepIndex - step} of ${goodOriginsNeeded} forecasts in a row were good since`;
    lowest = { rung: fault.rung, reason };
  }
  return lowest;
}

interface StoredMemory {
  readonly version: number;
  readonly model: string;
  readonly lifeStartMs: number;
  readonly faults: readonly (readonly [stepIndex: number, rung: SimpleRung, reason: string])[];
}

function encode({ model, lifeStartMs, faults }: Memory): Buffer {
  const ascending = [...faults].sort(([a], [b]) => a - b);
  const stored: StoredMemory = {
    version,
    model,
    lifeStartMs,
    faults: ascending.map(([stepIndex, { rung, reason }]) => [stepIndex, rung, reason]),
  };
  return Buffer.from(JSON.stringify(stored));
}

/** undefined for what another version wrote: the machine begins anew. */
function decode(value: Buffer): Memory | undefined {
  const stored = JSON.parse(value.toString()) as StoredMemory;
  if (stored.version !== version) return undefined;
  const { model, lifeStartMs, faults } = stored;
  return {
    model,
    lifeStartMs,
    faults: new Map(faults.map(([step, rung, reason]) => [step, { rung, reason }])),
  };
}
