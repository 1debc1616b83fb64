/**
 * Alerts for a Prometheus Alertmanager, by version 2 of its interface: what stands ends for it four times `resendMs` from
 * now, as alerts of Prometheus itself do, unless it is told again.
 */
import { Buffer } from 'node:buffer';
import type { AlertmanagerConfig } from '../../alerts/notifier-config.js';
import type { StandingAlert, StandingNotifier } from '../../alerts/ports.js';
import type { Clock } from '../../domain/clock.js';
import { HttpPost } from './http-post.js';
import { linkTo } from './message.js';

/** Figures of Prometheus 2 (notifier.go, rules/alerting.go): alerts in a request; times that an alert is good for. */
const batchMax = 64;
const resendsUntilOver = 4;

export class AlertmanagerNotifier implements StandingNotifier {
  readonly name: string;
  readonly resendMs: number;
  readonly #pageUrl: string | undefined;
  readonly #post: HttpPost;
  readonly #clock: Clock;

  constructor(config: AlertmanagerConfig, clock: Clock) {
    this.name = config.name;
    this.resendMs = config.resendMs;
    this.#pageUrl = config.pageUrl;
    this.#clock = clock;
    const url = new URL(config.url);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v2/alerts`;
    this.#post = new HttpPost({ ...config, url: url.href, address: url.origin + url.pathname }, clock);
  }

  async tell(alerts: readonly StandingAlert[], signal: AbortSignal): Promise<void> {
    for (let from = 0; from < alerts.length; from += batchMax) {
      const batch = alerts.slice(from, from + batchMax).map((one) => this.#encode(one));
      await this.#post.send(Buffer.from(JSON.stringify(batch)), {}, signal);
    }
  }

  #encode({ labels, alert, endedMs }: StandingAlert): object {
    const nowMs = this.#clock.nowMs();
    // Plant time may be ahead of the clock, and Alertmanager takes no alert that ends before it starts.
    const startMs = Math.min(alert.sinceMs, endedMs ?? nowMs);
    const endMs =
      endedMs === null
        ? nowMs + resendsUntilOver * this.resendMs
        : Math.max(startMs, Math.min(alert.timeMs, endedMs));
    return {
      labels: Object.fromEntries(Object.entries(labels).map(([name, value]) => [labelName(name), value])),
      annotations: annotationsOf(alert),
      startsAt: new Date(startMs).toISOString(),
      endsAt: new Date(endMs).toISOString(),
      generatorURL: linkTo(this.#pageUrl, alert.alertId),
    };
  }
}

/** Prometheus' names of labels have letters, digits and _, and begin with no digit. */
const labelName = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_');

function annotationsOf(alert: StandingAlert['alert']): Record<string, string> {
  const { summary, state, reason, value, acknowledgedBy, assignedTo = '', alertId, trace } = alert;
  const known = {
    summary,
    state,
    reason,
    value: value === null ? '' : String(value),
    acknowledged_by: acknowledgedBy,
    assigned_to: assignedTo,
    alert_id: alertId,
    model: trace?.model ?? '',
  };
  return Object.fromEntries(Object.entries(known).filter(([, text]) => text !== ''));
}
