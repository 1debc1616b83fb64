/** A word that must not be seen: prints as `[redacted]` in logs, JSON and inspection; `reveal` at the last moment. */
import { inspect } from 'node:util';
import { z } from 'zod';

const redacted = '[redacted]';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}

/** Config field: a string outside, a `Secret` inside. */
export const secretSchema = z
  .string()
  .min(1)
  .transform((value) => new Secret(value));
