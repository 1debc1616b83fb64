import { UserError, WorldError } from '../domain/errors.js';

/** What `millwright doctor` says about one thing. */
export interface Finding {
  readonly what: string;
  readonly state: 'good' | 'warning' | 'bad';
  /** What is so, and what to do where it is not good. */
  readonly sentence: string;
}

/** Errors with a sentence become findings; others are bugs and go on. */
export async function about(what: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { what, state: 'good', sentence: await look() };
  } catch (error) {
    if (error instanceof WorldError && error.code === 'locked')
      return { what, state: 'warning', sentence: error.message };
    if (error instanceof UserError || error instanceof WorldError)
      return { what, state: 'bad', sentence: error.message };
    throw error;
  }
}
