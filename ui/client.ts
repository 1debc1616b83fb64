import type { ErrorWire } from '../infra/http/wire.js';

/** An answer of the API that is not a success, or none at all; the message is for people. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; 0 when the server did not answer. */
  readonly status: number;

  constructor(status: number, message: string, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

export function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return request<T>(path, signal ? { signal } : {});
}

export function postJson<T>(path: string, body: unknown): Promise<T> {
  return request<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

export function deleteJson<T>(path: string): Promise<T> {
  return request<T>(path, { method: 'DELETE' });
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError(0, 'the server does not answer; is millwright running?', cause);
  }
  if (!response.ok) throw new ApiError(response.status, await messageOf(response));
  return (await response.json()) as T;
}

async function messageOf(response: Response): Promise<string> {
  try {
    return ((await response.json()) as ErrorWire).error.message;
  } catch {
    return `the server answered ${response.status}`;
  }
}

export const machineApiPath = (machine: string) => `/api/v1/machines/${encodeURIComponent(machine)}`;
export const explanationApiPath = (machine: string) => `${machineApiPath(machine)}/explanation`;
export const alertApiPath = (alertId: string) => `/api/v1/alerts/${encodeURIComponent(alertId)}`;
