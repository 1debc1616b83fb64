import { pino } from 'pino';
import type { Clock } from '../domain/clock.js';
import { makeTerminal, type TerminalStream } from './terminal/terminal.js';

/** The part of a pino logger that is used. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The log of a process: for a person on a terminal readable lines, for whatever else reads it JSON lines. */
export function makeLogger(stream: TerminalStream, clock: Clock, json: boolean): Logger {
  return json || stream.isTTY !== true ? makeJsonLogger(stream) : makeTextLogger(stream, clock);
}

function makeJsonLogger(stream: TerminalStream): Logger {
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
    },
    stream,
  );
}

/** Date and time of the computer's zone, level, message; of the fields only the stack of an `error`. */
function makeTextLogger(stream: TerminalStream, clock: Clock): Logger {
  const { paint, print } = makeTerminal(stream);
  const line = (level: string, fields: object, message: string) => {
    // What came over the wire may be in the sentence: it must not steer the terminal.
    const sentence = message.replaceAll(/\p{Cc}/gu, '�');
    // Swedish dates are ISO 8601's, with a space.
    print(`${paint.dim(new Date(clock.nowMs()).toLocaleString('sv-SE'))} ${level} ${sentence}`);
    if ('error' in fields && fields.error instanceof Error && fields.error.stack !== undefined)
      print(paint.dim(fields.error.stack));
  };
  return {
    info: (fields, message) => line(paint.good('info   '), fields, message),
    warn: (fields, message) => line(paint.warning('warning'), fields, message),
    error: (fields, message) => line(paint.critical('error  '), fields, message),
  };
}

/** Takes everything and says nothing: for commands that print results only. */
export const silentLogger: Logger = { info() {}, warn() {}, error() {} };
