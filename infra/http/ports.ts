/** What the HTTP server asks of the rest of the process. It reads the store and the live feed; it decides nothing. */
import { z } from 'zod';
import type { AlertRecord } from '../../domain/alert.js';
import type { Clock } from '../../domain/clock.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord, FeedbackVerdict, TickRecord } from '../../domain/input.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { SilenceRecord } from '../../domain/silence.js';
import type { Store } from '../../domain/store.js';
import type { ForecastRequest } from './forecast-request.js';
import type {
  ExplanationWire,
  ForecastsWire,
  ModelDetailWire,
  ModelWire,
  MutedWire,
  RuleThreshold,
} from './wire.js';

export const httpConfigSchema = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address the page listens on. Anything but a loopback address shows it to the network.'),
  port: z.number().int().min(0).max(65535).default(8080).describe('Port of the page; 0 takes a free one.'),
});
export type HttpConfig = z.output<typeof httpConfigSchema>;

/** What the last stage has just made durable, in the order of the log. */
export type LiveMessage = ForecastRecord | AlertRecord | EventRecord | TickRecord;

export interface LiveFeed {
  /** Calls `listener` for every message from now on; it returns at once and never throws. Returns the unsubscriber. */
  subscribe(listener: (message: LiveMessage) => void): () => void;
}

export interface AlertActions {
  /** Resolves when the acknowledgement is durable. Rejects with WorldError or UserError. */
  acknowledge(alertId: string, by: string, comment: string): Promise<void>;
  /** `to` is to look after it; as `acknowledge`. */
  assign(alertId: string, to: string, by: string, comment: string): Promise<void>;
  comment(alertId: string, by: string, comment: string): Promise<void>;
  /** Was the alert right, and what was it (a code in the plant's own words, '' for none)? Resolves when durable. */
  feedback(
    alertId: string,
    verdict: FeedbackVerdict,
    by: string,
    comment: string,
    fault: string,
  ): Promise<void>;
}

export interface Silences {
  /** Those of a while ago are listed, too. */
  list(): Promise<readonly SilenceRecord[]>;
  /** Resolves with the id when it is durable. Rejects with UserError for a matcher that cannot be read. */
  add(silence: Omit<SilenceRecord, 'kind' | 'id'>): Promise<string>;
  end(id: string): Promise<'ended' | 'unknown'>;
  /** By alert id, what mutes it for every receiver. */
  muted(): Promise<Readonly<Record<string, MutedWire>>>;
}

/** The networks in use, for whoever asks from outside. */
export interface ModelServing {
  /** One per machine type. */
  models(): readonly ModelWire[];
  /** undefined: there is no such machine type. */
  model(type: string): Promise<ModelDetailWire | undefined>;
  /** Rejects with UserError for what does not fit the machine type, with WorldError when there is too much to do. */
  forecast(request: ForecastRequest): Promise<ForecastsWire>;
}

/** Messages by outcome: `received` is the sum of the other four. */
export interface Ledger {
  readonly received: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicate: number;
  readonly late: number;
}

export interface HealthReport {
  /** 'degraded' still serves; 'down' answers /health with 503. */
  readonly status: 'ok' | 'degraded' | 'down';
  readonly checks: readonly {
    readonly name: string;
    readonly status: 'ok' | 'degraded' | 'down';
    /** A sentence: what is wrong and what to do; '' when ok. */
    readonly detail: string;
  }[];
}

/** What every process can tell of itself. */
export interface StatusParts {
  health(): Promise<HealthReport>;
  /** Prometheus text exposition. */
  metrics(): Promise<string>;
}

export interface HttpServerParts extends HttpConfig, StatusParts {
  /** Name of the plant, for people. */
  readonly plant: string;
  readonly store: Store;
  readonly types: ReadonlyMap<string, MachineType>;
  /** Thresholds to draw, as the rules are now. */
  rules(): readonly RuleThreshold[];
  readonly live: LiveFeed;
  readonly actions: AlertActions;
  /** Left out: nothing can be silenced. */
  readonly silences?: Silences;
  /** Left out where there are no networks: nothing is served under /v1 then. */
  readonly serving?: ModelServing;
  /**
   * Why the newest forecast of a machine (or the newest not after `atMs`) is what it is, for a `day` of its horizon.
   * Rejects with UserError where there is nothing to explain. Left out: no forecast is explained.
   */
  explain?(
    machine: string,
    options: { readonly atMs?: number; readonly day?: number },
  ): Promise<ExplanationWire>;
  ledger(): Promise<Ledger>;
  /** Plant time. */
  readonly clock: Clock;
}

export interface HttpServer {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Ends the event streams and stops listening; idempotent. */
  close(): Promise<void>;
}
