/** A service that is a program on the PATH, as a process of the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { OwnService } from './service.js';

/** The program's file, or undefined. */
function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Undefined where there is no such program. */
export async function startProgram(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  ready: () => Promise<void>,
): Promise<OwnService | undefined> {
  const file = findProgram(name);
  if (file === undefined) return undefined;
  let child: ChildProcess | undefined;
  const run = async (): Promise<void> => {
    child = spawn(file, args, { stdio: 'ignore', env: { ...process.env, ...env } });
    await ready();
  };
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  try {
    await run();
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
  return {
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    startAgain: run,
    pause: async () => {
      child?.kill('SIGSTOP');
    },
    resume: async () => {
      child?.kill('SIGCONT');
    },
    cpuS: async () => (child?.pid === undefined ? 0 : (readUsage(child.pid)?.cpuS ?? 0)),
  };
}

const clockTicksPerS = 100;

/** What a process of this computer has used so far (Linux). Undefined once it has ended. */
export function readUsage(pid: number): { readonly cpuS: number; readonly rssMbMax: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold spaces: state is the third field of proc(5), utime and stime 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (!peak) return undefined;
    const cpuS = (Number(fields[11]) + Number(fields[12])) / clockTicksPerS;
    return { cpuS, rssMbMax: Math.round(Number(peak[1]) / 1024) };
  } catch {
    return undefined;
  }
}
