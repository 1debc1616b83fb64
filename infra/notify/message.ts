/** What outside receivers get: the sentence for people, the records for programs. */
import { Buffer } from 'node:buffer';
import type { AlertRecord } from '../../domain/alert.js';
import type { NotificationRecord } from '../../domain/notification.js';

/** A transition on its own is `alert`; of a group `alerts` holds the newest transition of each. */
export function encodeMessage(notification: NotificationRecord): Buffer {
  const { dedupeKey, summary, group, reason, timeMs, alerts, changed, omitted } = notification;
  const again = reason === 'repeated' ? { reason, timeMs } : {};
  const what = group ? { group, reason, timeMs, alerts, changed, omitted } : { alert: alerts[0], ...again };
  return Buffer.from(JSON.stringify({ version: 1, dedupeKey, sentence: summary, ...what }));
}

const chatLinesMax = 20;

/** A sentence, and for a group one for each alert of it, up to `linesMax`. */
export function linesOf({ summary, group, alerts, omitted }: NotificationRecord, linesMax: number): string[] {
  if (!group) return [summary];
  const more = alerts.length + omitted - linesMax;
  return [
    summary,
    ...alerts.slice(0, linesMax).map((alert) => `• ${alert.summary}`),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
}

/** What Slack's incoming webhooks, and those of Mattermost and Rocket.Chat, take. Its three signs of markup are escaped. */
export function encodeSlackMessage(notification: NotificationRecord): Buffer {
  const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
  const text = linesOf(notification, chatLinesMax).join('\n');
  return Buffer.from(JSON.stringify({ text: text.replace(/[&<>]/g, (sign) => escapes[sign] as string) }));
}

/** The value that the field has in all alerts; '' where they differ. */
export function commonValue(
  { alerts }: NotificationRecord,
  field: 'machine' | 'type' | 'site' | 'line' | 'rule' | 'severity',
): string {
  const [first, ...others] = alerts.map((alert: AlertRecord) => alert[field]);
  return others.every((value) => value === first) ? (first ?? '') : '';
}

/** Where the alert is on Millwright's page, or all of them; undefined where nobody said where that is. */
export function linkTo(pageUrl: string | undefined, alertId: string | undefined): string | undefined {
  const path = alertId === undefined ? '/alerts' : `/alerts/${encodeURIComponent(alertId)}`;
  return pageUrl && pageUrl.replace(/\/+$/, '') + path;
}
