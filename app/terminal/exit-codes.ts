/** What the process says when it ends. Documented in docs/guide/commands.md and tested; scripts rely on it. */
export const exitCodes = {
  /** Done, and what was asked for is so. */
  ok: 0,
  /** Done, but what was asked for is not so (a check that failed, a verdict below the mark), or a bug of ours. */
  failed: 1,
  /** Wrong usage or configuration: a person must change something before it is tried again. */
  usage: 2,
  /** The world: a service that cannot be reached, a full disk, a port in use. Trying again can help. */
  world: 3,
  /** Stopped by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
