import { pino } from 'pino';

/** The part of a pino logger that is used. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** JSON lines on stderr, for `run`. */
export function makeJsonLogger(): Logger {
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2));
}

/** Takes everything and says nothing: for commands that print results only. */
export const silentLogger: Logger = { info() {}, warn() {}, error() {} };
