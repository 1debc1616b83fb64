/** The event stream: opens, notices silence, reopens with the last id so that nothing is missed. */
import type { BeatWire, UpdateWire } from '../infra/http/wire.js';

const reopenMs = 2_000;
/** The server beats every 5 s: three missed ones mean that the line is dead, even where no error came. */
const silenceMs = 15_000;

export interface LiveListener {
  /** A fresh stream, or one that cannot go on where it was: load everything now. */
  reload(): void;
  update(update: UpdateWire): void;
  beat(timeMs: number): void;
  connected(): void;
  lost(): void;
}

export class LiveConnection {
  readonly #listener: LiveListener;
  #source: EventSource | undefined;
  #lastId = '';
  #watchdog: ReturnType<typeof setTimeout> | undefined;

  constructor(listener: LiveListener) {
    this.#listener = listener;
  }

  open(): void {
    const query = this.#lastId === '' ? '' : `?last-event-id=${encodeURIComponent(this.#lastId)}`;
    const source = new EventSource(`/api/v1/events${query}`);
    this.#source = source;
    this.#watch();
    source.addEventListener('hello', (event) => {
      const fresh = this.#lastId === '';
      this.#heard<BeatWire>(event);
      this.#listener.connected();
      if (fresh) this.#listener.reload();
    });
    source.addEventListener('resync', (event) => {
      this.#heard<BeatWire>(event);
      this.#listener.connected();
      this.#listener.reload();
    });
    source.addEventListener('beat', (event) => {
      this.#listener.beat(this.#heard<BeatWire>(event).timeMs);
    });
    source.addEventListener('update', (event) => this.#listener.update(this.#heard<UpdateWire>(event)));
    source.addEventListener('error', () => this.#reopen());
  }

  #heard<T>(event: MessageEvent<string>): T {
    if (event.lastEventId !== '') this.#lastId = event.lastEventId;
    this.#watch();
    return JSON.parse(event.data) as T;
  }

  #watch(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#reopen(), silenceMs);
  }

  #reopen(): void {
    this.#source?.close();
    clearTimeout(this.#watchdog);
    this.#listener.lost();
    this.#watchdog = setTimeout(() => this.open(), reopenMs);
  }
}
