/**
 * Runs a command to its end and turns however it ended into an exit code and, if it went wrong, a sentence. What a
 * person or the world did wrong is told without a stack; a bug of ours is told with one.
 */
import { UserError, WorldError } from '../../domain/errors.js';
import { type ExitCode, exitCodes } from './exit-codes.js';

/** What is printed and returned for an error that ended a command. */
export function describeFailure(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof UserError) {
    // Another program has the port: told by the adapter with words of its own, but trying again can help.
    const exitCode = codeOf(error.cause) === 'EADDRINUSE' ? exitCodes.world : error.exitCode;
    return { text: error.message, exitCode };
  }
  if (error instanceof WorldError) {
    const again = error.retryable ? ' Trying again may help.' : '';
    return {
      text: `${error.message}${/[.!?]$/.test(error.message) ? '' : '.'}${again}`,
      exitCode: exitCodes.world,
    };
  }
  const fault = worldFault(error);
  if (fault !== undefined) return { text: fault, exitCode: exitCodes.world };
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    text: `this is a bug in millwright, please report it with these lines:\n${stack}`,
    exitCode: exitCodes.failed,
  };
}

/** System errors that reached the top without an adapter to say what they were doing. */
function worldFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `${error.message}: another program uses this port; stop it, or choose another port in the configuration`;
    case 'EADDRNOTAVAIL':
      return `${error.message}: this computer does not have that address; check \`host\` in the configuration`;
    case 'ENOSPC':
      return `${error.message}: the disk is full; free some space and start again, nothing that was acknowledged is lost`;
    case 'EACCES':
    case 'EPERM':
      return `${error.message}: not permitted; check the permissions, or choose another place or port`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${error.message}: a file is where a folder should be; move it away, or choose another place in the configuration`;
    case 'EROFS':
      return `${error.message}: the disk is read-only; choose another \`dataDir\``;
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'ETIMEDOUT':
    case 'ECONNRESET':
    case 'EHOSTUNREACH':
      return `${error.message}: the service cannot be reached; check its address and that it runs`;
    default:
      return undefined;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * `main` gets a signal that aborts at the first Ctrl-C or SIGTERM, and drains; a second one ends the process at once.
 * Returns the exit code: what `main` returned, or `process.exitCode` if it set one. After Ctrl-C it is 130 however well
 * it drained; after SIGTERM, by which supervisors stop what they started, draining in good order is 0.
 */
export async function runMain(
  main: (signal: AbortSignal) => Promise<ExitCode | undefined>,
  print: (text: string) => void = (text) => void process.stderr.write(text),
): Promise<number> {
  const controller = new AbortController();
  let stoppedBy: 'SIGINT' | 'SIGTERM' | undefined;
  const stop = (by: 'SIGINT' | 'SIGTERM'): void => {
    if (stoppedBy !== undefined) process.exit(exitCodes.interrupted);
    stoppedBy = by;
    controller.abort();
    print('\nstopping: finishing what is under way (Ctrl-C again stops at once)\n');
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // Behind a function: the handlers above change it while `main` runs, which the compiler cannot see.
  const wasInterrupted = (): boolean => stoppedBy === 'SIGINT';
  try {
    const code = await main(controller.signal);
    return wasInterrupted() ? exitCodes.interrupted : (code ?? Number(process.exitCode ?? exitCodes.ok));
  } catch (error) {
    if (controller.signal.aborted && isAbort(error))
      return wasInterrupted() ? exitCodes.interrupted : exitCodes.ok;
    const { text, exitCode } = describeFailure(error);
    print(`millwright: ${text}\n`);
    return exitCode;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

function isAbort(error: unknown): boolean {
  return (
    error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === 'ABORT_ERR'))
  );
}
