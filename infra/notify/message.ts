/** What outside receivers get: the sentence for people, the record for programs. */
import { Buffer } from 'node:buffer';
import type { AlertRecord } from '../../domain/alert.js';

export function encodeMessage(alert: AlertRecord): Buffer {
  return Buffer.from(JSON.stringify({ version: 1, sentence: alert.summary, alert }));
}

/** What Slack's incoming webhooks, and those of Mattermost and Rocket.Chat, take. Its three signs of markup are escaped. */
export function encodeSlackMessage(alert: AlertRecord): Buffer {
  const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
  return Buffer.from(
    JSON.stringify({ text: alert.summary.replace(/[&<>]/g, (sign) => escapes[sign] as string) }),
  );
}
