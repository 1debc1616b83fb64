import { inspect } from 'node:util';
import { z } from 'zod';

/** A password or token. However it is printed, logged or turned into JSON, it reads `[redacted]`. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: only for the call that needs it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}

/** Config field: a string outside, best written as `${NAME}` and kept in the environment; a `Secret` inside. */
export const secretSchema = z
  .string()
  .min(1, `must not be empty; write the secret, or \${NAME} to take it from the environment`)
  .transform((text) => new Secret(text))
  .meta({ secret: true });
