import { Rng } from '../../domain/rng.js';
import type { Factory } from './factory-config.js';
import { drawExponential, type Label } from './simulated-machine.js';

const monthMs = 30 * 86_400_000;

export interface Outage {
  readonly startMs: number;
  readonly endMs: number;
  /** Messages that wait for its end. */
  backlogCount: number;
}

/** When the gateway of each line is offline. Asked with times that never go back. */
export class GatewayOutages {
  readonly #factory: Factory;
  readonly #rngs: Rng[];
  readonly #outages: Outage[];
  readonly #labels: { readonly kind: 'label'; readonly label: Label }[] = [];

  constructor(factory: Factory, lineCount: number) {
    this.#factory = factory;
    const source = new Rng(factory.config.seed ^ 0x2545f491);
    this.#rngs = Array.from({ length: lineCount }, () => source.fork());
    this.#outages = this.#rngs.map((rng) => this.#draw(rng, factory.config.startAt));
  }

  /** The outage that the line's gateway is in; undefined when it is online. `line` from 0. */
  at(line: number, timeMs: number): Outage | undefined {
    let outage = this.#outages[line] as Outage;
    while (timeMs >= outage.endMs) {
      this.#label(line, outage);
      outage = this.#draw(this.#rngs[line] as Rng, outage.endMs);
      this.#outages[line] = outage;
    }
    return timeMs >= outage.startMs ? outage : undefined;
  }

  /** Labels, since the last call, of outages that held messages back: those that are over, or at the end all. */
  takeLabels(which: 'over' | 'all' = 'over'): { readonly kind: 'label'; readonly label: Label }[] {
    if (which === 'all') for (const [line, outage] of this.#outages.entries()) this.#label(line, outage);
    return this.#labels.splice(0);
  }

  #label(line: number, outage: Outage): void {
    if (outage.backlogCount === 0) return;
    const { site } = this.#factory.config;
    const { startMs, endMs } = outage;
    this.#labels.push({
      kind: 'label',
      label: { kind: 'gateway', site, line: `line-${line + 1}`, startMs, endMs },
    });
  }

  #draw(rng: Rng, afterMs: number): Outage {
    const { gatewayOutagesPerMonth, gatewayOutageMs } = this.#factory.config.trouble;
    const startMs = afterMs + Math.round((drawExponential(rng) * monthMs) / gatewayOutagesPerMonth);
    return {
      startMs,
      endMs: startMs + 1 + Math.round(drawExponential(rng) * gatewayOutageMs),
      backlogCount: 0,
    };
  }
}
