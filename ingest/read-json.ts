/** Payload bytes → JSON value, or why not. What a hostile payload could cost is bounded before it is parsed. */
import { Buffer, isUtf8 } from 'node:buffer';
import type { RejectReason } from '../domain/input.js';
import { show } from './show.js';

export type JsonOutcome =
  | { readonly reason: null; readonly value: unknown }
  | { readonly reason: RejectReason; readonly detail: string };

/** Undefined for a payload that is not longer than it may be. */
export function payloadTooLong(payload: Uint8Array, limits: { readonly payloadBytesMax: number }) {
  if (payload.length <= limits.payloadBytesMax) return undefined;
  return {
    reason: 'payload-too-large',
    detail: `the payload has ${payload.length} bytes, more than payloadBytesMax ${limits.payloadBytesMax}; send smaller batches`,
  } as const;
}

const quote = 0x22;
const backslash = 0x5c;

export function readJson(
  payload: Uint8Array,
  limits: { readonly payloadBytesMax: number; readonly depthMax: number },
): JsonOutcome {
  const tooLong = payloadTooLong(payload, limits);
  if (tooLong) return tooLong;
  if (payload.length === 0) return { reason: 'not-json', detail: 'the payload is empty' };
  if (!isUtf8(payload)) return { reason: 'not-utf8', detail: 'the payload is not UTF-8 text' };
  const bytes = withoutByteOrderMark(payload);
  const memberCount = countMembers(bytes, limits.depthMax);
  if (memberCount < 0)
    return { reason: 'too-deep', detail: `the JSON is nested deeper than depthMax ${limits.depthMax}` };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message may quote the payload at length; the payload is kept in `rejected` anyway.
    return notJson(text);
  }
  if (countKeys(value) !== memberCount)
    return {
      reason: 'wrong-shape',
      detail: 'a field name occurs twice in one object: its value is ambiguous',
    };
  return { reason: null, value };
}

/**
 * Counts the members (name and value) of all objects in the text of a JSON document: the colons outside of
 * strings. -1 when brackets nest deeper than `depthMax`. In text that is not JSON the count means nothing.
 */
function countMembers(bytes: Uint8Array, depthMax: number): number {
  let depth = 0;
  let members = 0;
  const length = bytes.length;
  for (let i = 0; i < length; i++) {
    switch (bytes[i]) {
      case quote:
        for (i++; i < length && bytes[i] !== quote; i++) if (bytes[i] === backslash) i++;
        break;
      case 0x3a: // :
        members++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > depthMax) return -1;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      default:
    }
  }
  return members;
}

/** Members that are left after parsing: fewer than in the text where a name was repeated. Depth is bounded. */
function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += countKeys(item);
    return count;
  }
  const object = value as Readonly<Record<string, unknown>>;
  for (const key in object) {
    count++;
    const member = object[key];
    if (typeof member === 'object') count += countKeys(member);
  }
  return count;
}

/** Some Windows gateways put a byte order mark before their JSON; RFC 8259 lets a parser ignore it. */
function withoutByteOrderMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

function notJson(text: string): JsonOutcome {
  const bare = text.trim();
  if (/^[+-]?(nan|inf|infinity)$/i.test(bare))
    return {
      reason: 'non-finite',
      detail: `${bare} is not a finite number; publish nothing when there is no value`,
    };
  if (/[:[,]\s*[+-]?(NaN|Infinity|inf|nan)\b/.test(text))
    return {
      reason: 'not-json',
      detail: 'NaN and Infinity are not JSON; leave the field out when there is no value',
    };
  return { reason: 'not-json', detail: `the payload is not JSON: ${show(text)}` };
}
