/** The program as its own process and seeded messages of pumps for it, whatever becomes of them. */
import type { TestContext } from 'node:test';
import type { Rng } from '../../domain/rng.js';
import { brokerOf, type MillwrightProcess, startMillwright } from './millwright-process.js';
import type { Plant } from './plant.js';
import { Publisher } from './publisher.js';
import { type SentMessage, Traffic } from './traffic.js';

export class PumpTraffic {
  readonly #traffic: Traffic;
  readonly #publisher = new Publisher<SentMessage>(
    () => {},
    () => {},
  );
  #begun = false;

  constructor(rng: Rng) {
    this.#traffic = new Traffic(rng);
  }

  /** Starts the plant's program and connects to it; what an earlier one has not acknowledged is sent again. */
  async start(t: Pick<TestContext, 'after'>, plant: Plant): Promise<MillwrightProcess> {
    const running = startMillwright(t, ['run', '-c', plant.file]);
    await this.#publisher.connect(await brokerOf(running));
    return running;
  }

  /** So many messages, each tenth the time; before the first ones a reading of each pump. All are acknowledged then. */
  async publish(count: number): Promise<void> {
    const publisher = this.#publisher;
    const traffic = this.#traffic;
    if (!this.#begun) for (const message of traffic.opening()) publisher.publish(message);
    this.#begun = true;
    for (let i = 0; i < count; i++) {
      publisher.publish(i % 10 === 0 ? traffic.clock() : traffic.next());
      if (publisher.openCount >= 100) await publisher.drained(50);
    }
    await publisher.drained(0);
  }
}
