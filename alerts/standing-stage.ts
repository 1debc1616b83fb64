/**
 * Topic `notifications` → one receiver that must be told again and again (`StandingNotifier`). As the stage of other
 * notifiers, with whom it shares delivery and the notification log; beside it, what stands is part of the state, and is
 * told again every `resendMs` as long as the process has the partition. Transitions and what is told again never
 * overtake each other.
 *
 * State entries beside those of the notify stage: `a|LABELS`, an alert as the receiver knows it.
 */
import { Buffer } from 'node:buffer';
import type { AlertRecord } from '../domain/alert.js';
import { WorldError } from '../domain/errors.js';
import type { Batch, Checkpoint, PartitionHandler } from '../domain/log.js';
import type { Labels } from './labels.js';
import { makeNotifyStage, type NotifyStageOptions } from './notify-stage.js';
import type { StandingAlert, StandingNotifier } from './ports.js';
import { Standing } from './standing.js';

export interface StandingStageOptions extends Omit<NotifyStageOptions, 'notifier'> {
  readonly notifier: StandingNotifier;
  readonly labelsOf: (alert: AlertRecord) => Labels;
  /** Whether a route leads from the alert to the receiver: what is open and has none any more is not told again. */
  readonly routed: (alert: AlertRecord) => boolean;
  /** Told how telling again went: undefined where the receiver has answered. */
  readonly onResent?: (error: WorldError | undefined) => void;
  /** Told of what should not happen. */
  readonly onFailure: (error: unknown) => void;
}

export function makeStandingStage(options: StandingStageOptions): () => PartitionHandler {
  return () => new StandingHandler(options);
}

const prefix = 'a|';

class StandingHandler implements PartitionHandler {
  readonly #options: StandingStageOptions;
  readonly #standing: Standing;
  readonly #delivering: PartitionHandler;
  readonly #closed = new AbortController();
  /** The last of those who tell the receiver something, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: StandingStageOptions) {
    const { notifier, world, labelsOf } = options;
    this.#options = options;
    this.#standing = new Standing(labelsOf);
    const send = async ({ alerts }: { alerts: readonly AlertRecord[] }, signal: AbortSignal) => {
      const told = alerts.flatMap((alert) => this.#standing.note(alert, world.clock.nowMs()));
      if (told.length > 0) await notifier.tell(told, signal);
    };
    this.#delivering = makeNotifyStage({ ...options, notifier: { name: notifier.name, send } })();
  }

  restore(state: Iterable<{ readonly key: string; readonly value: Buffer }>): void {
    const entries = [...state];
    this.#delivering.restore(entries);
    this.#standing.restore(
      entries
        .filter(({ key }) => key.startsWith(prefix))
        .map(({ key, value }) => [
          key.slice(prefix.length),
          JSON.parse(value.toString('utf8')) as StandingAlert,
        ]),
      this.#options.routed,
    );
    this.#resend().catch(this.#options.onFailure);
  }

  process(batch: Batch): Promise<Checkpoint | null> {
    return this.#inTurn(async () => {
      const checkpoint = await this.#delivering.process(batch);
      if (!checkpoint) return null;
      const changes = this.#standing.changes().map(({ key, value }) => ({
        key: prefix + key,
        value: value ? Buffer.from(JSON.stringify(value)) : null,
      }));
      return { ...checkpoint, state: [...checkpoint.state, ...changes] };
    });
  }

  close(): void {
    this.#closed.abort();
    this.#delivering.close();
  }

  async #resend(): Promise<void> {
    const { notifier, world, onResent = () => {} } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#closed.signal]);
    for (;;) {
      try {
        await world.sleep(notifier.resendMs, signal);
        await this.#inTurn(async () => {
          const alerts = this.#standing.all(world.clock.nowMs());
          if (alerts.length > 0) await notifier.tell(alerts, signal);
        });
        onResent(undefined);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof WorldError)) throw error;
        onResent(error);
      }
    }
  }

  #inTurn<T>(tell: () => Promise<T>): Promise<T> {
    const told = this.#turn.then(tell);
    this.#turn = told.catch(() => {}); // whoever asked for it hears of it
    return told;
  }
}
