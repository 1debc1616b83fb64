/** The control topic that moves the plant time in replays and demonstrations. */
import { plausibleMaxMs } from './event-time.js';
import { isObject, type Rejection } from './parse-readings.js';
import { readJson } from './read-json.js';
import { show } from './show.js';

/** Topics under this prefix are Millwright's own; ingest takes none of them but the clock. */
export const ownTopicPrefix = 'millwright/';
export const clockTopic = `${ownTopicPrefix}clock`;

/** Plant time in `{"timeMs": …}`, or why it is none. */
export function parseClockMessage(payload: Uint8Array): { readonly timeMs: number } | Rejection {
  const json = readJson(payload, { payloadBytesMax: 1024, depthMax: 2 });
  if (json.reason !== null) return json;
  if (!isObject(json.value) || Object.keys(json.value).join() !== 'timeMs')
    return {
      reason: 'wrong-shape',
      detail: `${show(json.value)} is no clock message; write {"timeMs": 1714546800000}`,
    };
  const { timeMs } = json.value;
  if (typeof timeMs !== 'number' || !(timeMs >= 0 && timeMs <= plausibleMaxMs))
    return {
      reason: 'bad-time',
      detail: `"timeMs" is ${show(timeMs)}, not milliseconds between 1970 and 2300`,
    };
  return { timeMs: Math.round(timeMs) };
}

export function encodeClockMessage(timeMs: number): string {
  return JSON.stringify({ timeMs });
}
