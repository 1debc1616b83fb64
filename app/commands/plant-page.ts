/** Commands that ask the plant that runs, over the HTTP API of its page. */
import { userInfo } from 'node:os';
import { Option } from 'commander';
import { UserError, WorldError } from '../../domain/errors.js';
import type { ErrorWire } from '../../infra/http/wire.js';
import { loadDeployment } from '../config.js';

export interface PageOptions {
  readonly config: string;
  readonly url?: string;
  readonly json: boolean;
}

export const urlOption = () =>
  new Option('--url <url>', 'address of the page; default: that of the deployment');

/** In a container a user may be a number only. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    throw new UserError('This user has no name here: say who it is with --by NAME.');
  }
}

/** `path` begins with /api. Rejects with UserError for what is refused, with WorldError where nobody answers. */
export async function askPage<T>(
  { config, url }: PageOptions,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const base = url ?? pageOf(config);
  let response: Response;
  try {
    response = await fetch(new URL(path, base), {
      method,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new WorldError(
      'unreachable',
      `no plant answers at ${base}: start it (millwright run), or name its page with --url`,
      { retryable: true, cause },
    );
  }
  if (response.ok) return (await response.json()) as T;
  // What is not our JSON is a proxy's: its status says all there is.
  const { message } = ((await response.json().catch(() => null)) as ErrorWire | null)?.error ?? {
    message: `${base} answered ${response.status}`,
  };
  if (response.status < 500) throw new UserError(message);
  throw new WorldError('unreachable', message, { retryable: true });
}

function pageOf(config: string): string {
  const { host, port } = loadDeployment(config).config.http;
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
