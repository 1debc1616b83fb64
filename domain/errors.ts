/**
 * What a person did or configured wrongly. The message names the thing, the value and what to do;
 * the command line prints it without a stack and exits with `exitCode`.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly exitCode: number;

  constructor(message: string, options?: { readonly exitCode?: number; readonly cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options?.exitCode ?? 2;
  }
}

/** Closed list of what the outside world can do to us. */
export type WorldErrorCode =
  | 'unreachable'
  | 'timeout'
  | 'throttled'
  | 'unauthorized'
  | 'too-large'
  | 'rejected'
  | 'disk-full'
  | 'corrupt'
  | 'locked'
  | 'closed';

/** A failure of a broker, a disk or a remote service: an adapter classifies, the caller decides. */
export class WorldError extends Error {
  override readonly name = 'WorldError';
  readonly code: WorldErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: WorldErrorCode,
    message: string,
    options: { readonly retryable: boolean; readonly retryAfterMs?: number; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}
