/** What the demo's terminal shows while plant days pass: one line for the plant, one for each machine to look at. */
import type { AlertRecord } from '../../domain/alert.js';
import { type ForecastRecord, probabilityWithin } from '../../domain/forecast.js';
import type { LiveRecord } from '../live-tail.js';
import { formatCount, formatCounted, formatDays, formatProbability } from '../terminal/format.js';
import { curveStrip } from '../terminal/sparkline.js';
import type { Paint } from '../terminal/terminal.js';

const dayMs = 86_400_000;
const shownMachines = 6;

/** A thing worth a line that stays. */
export interface Notable {
  readonly day: number;
  readonly text: string;
  readonly kind: 'alert' | 'failure';
}

export class Board {
  readonly #startMs: number;
  readonly #forecasts = new Map<string, ForecastRecord>();
  /** Machine → rule → newest transition of an alert that is not resolved. */
  readonly #alerts = new Map<string, Map<string, AlertRecord>>();
  readonly #severities: readonly string[];
  #nowMs: number;
  #failedCount = 0;

  constructor(startMs: number, severities: readonly string[]) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
    this.#severities = severities;
  }

  get day(): number {
    return Math.round((this.#nowMs - this.#startMs) / dayMs);
  }

  /** Takes a record of the live tail; gives a line when something happened that a person would want to hear of. */
  take(record: LiveRecord): Notable | undefined {
    switch (record.kind) {
      case 'tick':
        this.#nowMs = Math.max(this.#nowMs, record.timeMs);
        return undefined;
      case 'forecast':
        this.#forecasts.set(record.machine, record);
        return undefined;
      case 'alert':
        return this.#takeAlert(record);
      case 'event':
        if (record.event !== 'failure') return undefined;
        this.#failedCount++;
        this.#forecasts.delete(record.machine);
        return { day: this.#dayOf(record.eventTimeMs), kind: 'failure', text: `${record.machine} failed` };
    }
  }

  #takeAlert(alert: AlertRecord): Notable | undefined {
    let own = this.#alerts.get(alert.machine);
    if (!own) {
      own = new Map();
      this.#alerts.set(alert.machine, own);
    }
    if (alert.state === 'resolved') own.delete(alert.rule);
    else own.set(alert.rule, alert);
    if (alert.transition !== 'fired' && alert.transition !== 'raised') return undefined;
    const value = alert.value === null ? '' : ` · ${alert.rule} ${formatProbability(alert.value)}`;
    return {
      day: this.#dayOf(alert.timeMs),
      kind: 'alert',
      text: `${alert.machine} ${alert.severity}${value}`,
    };
  }

  /** Lines for a live region; `counts` tell of the messages. */
  lines(paint: Paint, messageCount: number): string[] {
    const alerts = [...this.#alerts.values()].flatMap((own) => [...own.values()]);
    const machinesIn = (state: AlertRecord['state']) =>
      new Set(alerts.filter((alert) => alert.state === state).map(({ machine }) => machine)).size;
    const unassessable = [...this.#forecasts.values()].filter(
      ({ status }) => status === 'not-assessable',
    ).length;
    const head = [
      `${formatCounted(this.#forecasts.size, 'engine')} running`,
      `${machinesIn('firing')} firing`,
      `${machinesIn('pending')} pending`,
      `${unassessable} not assessable`,
      `${this.#failedCount} failed`,
    ].join(' · ');
    const riskiest = [...this.#forecasts.values()]
      .filter(({ probabilities }) => probabilities.length > 0)
      .sort((a, b) => (probabilityWithin(b, 14) ?? 0) - (probabilityWithin(a, 14) ?? 0))
      .slice(0, shownMachines);
    return [
      `  ${paint.bold(`day ${this.day}`)}  ${head}    ${paint.dim(`${formatCount(messageCount)} messages`)}`,
      ...riskiest.map((forecast) => this.#machineLine(forecast, paint)),
    ];
  }

  #machineLine(forecast: ForecastRecord, paint: Paint): string {
    const { machine, probabilities } = forecast;
    const worst = this.#worstAlert(machine);
    const expected = forecast.expectedDay === null ? '' : `expected in ${formatDays(forecast.expectedDay)}`;
    const word = worst ? `${worst.severity.toUpperCase()} since day ${this.#dayOf(worst.sinceMs)}` : '';
    const painted = worst?.severity === this.#severities.at(-1) ? paint.critical(word) : paint.warning(word);
    return `           ${machine.padEnd(10)} ${curveStrip(probabilities)}  P(fail ≤ 7 d) ${formatProbability(probabilityWithin(forecast, 7) ?? 0).padEnd(6)} ${expected.padEnd(17)} ${painted}`;
  }

  #worstAlert(machine: string): AlertRecord | undefined {
    return [...(this.#alerts.get(machine)?.values() ?? [])]
      .filter(({ state }) => state === 'firing')
      .sort((a, b) => this.#severities.indexOf(b.severity) - this.#severities.indexOf(a.severity))[0];
  }

  #dayOf(timeMs: number): number {
    return Math.ceil((timeMs - this.#startMs) / dayMs);
  }
}
