/** Alerts as HTTP: POST of JSON, signed where a secret is shared. */
import { Buffer } from 'node:buffer';
import { createHmac } from 'node:crypto';
import type { WebhookConfig } from '../../alerts/notifier-config.js';
import type { Notifier } from '../../alerts/ports.js';
import type { Clock } from '../../domain/clock.js';
import type { NotificationRecord } from '../../domain/notification.js';
import { HttpPost } from './http-post.js';
import { encodeMessage, encodeSlackMessage } from './message.js';

export class WebhookNotifier implements Notifier {
  readonly name: string;
  readonly #config: WebhookConfig;
  readonly #post: HttpPost;

  constructor(config: WebhookConfig, clock: Clock) {
    this.name = config.name;
    this.#config = config;
    const { origin, pathname } = new URL(config.url);
    // Without the query, which may hold a token; of a chat without the path, which is one.
    const address = config.body === 'slack' ? origin : origin + pathname;
    this.#post = new HttpPost({ ...config, address }, clock);
  }

  send(notification: NotificationRecord, signal: AbortSignal): Promise<void> {
    const body =
      this.#config.body === 'slack' ? encodeSlackMessage(notification) : encodeMessage(notification);
    return this.#post.send(body, this.#headers(notification, body), signal);
  }

  #headers({ dedupeKey }: NotificationRecord, body: Buffer): Record<string, string> {
    const { secret } = this.#config;
    // Machine ids may hold any character, headers may not (and encodeURI no half of a surrogate pair).
    const key = { 'Idempotency-Key': encodeURI(Buffer.from(dedupeKey).toString()) };
    if (!secret) return key;
    const signature = createHmac('sha256', secret.reveal()).update(body).digest('hex');
    return { ...key, 'X-Millwright-Signature': `sha256=${signature}` };
  }
}
