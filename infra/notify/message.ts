/** What outside receivers get: the sentence for people, the record for programs. */
import { Buffer } from 'node:buffer';
import type { AlertRecord } from '../../domain/alert.js';

export function encodeMessage(alert: AlertRecord): Buffer {
  return Buffer.from(JSON.stringify({ version: 1, sentence: alert.summary, alert }));
}
