/**
 * Within one process a partition of a group has one owner at a time: who gains it waits until who lost it has ended, whose
 * last checkpoint is then not in vain. Between processes it is Kafka that refuses the earlier one.
 */
export class Owners {
  readonly #last = new Map<string, Promise<void>>();

  /** Resolves when it is the caller's; the function gives it back. */
  async take(key: string): Promise<() => void> {
    const before = this.#last.get(key);
    let release = () => {};
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#last.set(key, mine);
    await before;
    return () => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
      release();
    };
  }
}
