/** What goes over the wire of /api/v1. Read by the server, the page and anyone with curl; additions only. */
import type { AlertRecord } from '../../domain/alert.js';
import type { SimpleRung } from '../../domain/fallback.js';
import type { CurveKind, ForecastStatus, ForecastValues } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { SilenceRecord } from '../../domain/silence.js';

/** One level of a rule on a curve: an alert is raised where P(≤ `days` d) reaches `set`. */
export interface RuleThreshold {
  readonly rule: string;
  /** Days (steps) ahead, 1..H. */
  readonly days: number;
  readonly severity: string;
  /** Probability in [0, 1]. */
  readonly set: number;
  /** Of which curves. */
  readonly curve: CurveKind;
}

export interface ErrorWire {
  readonly error: { readonly code: string; readonly message: string };
}

export interface MachineTypeWire {
  readonly name: string;
  readonly description: string;
  /** Length of a step; a calendar day counts 24 hours. */
  readonly stepMs: number;
  /** Time zone that days are shown in. */
  readonly timeZone: string;
  readonly graceMs: number;
  readonly windowSteps: number;
  readonly horizonSteps: number;
  readonly sensorCount: number;
}

export interface PlantWire {
  readonly name: string;
  /** Plant time. */
  readonly timeMs: number;
  readonly types: readonly MachineTypeWire[];
  readonly rules: readonly RuleThreshold[];
  readonly counts: CountsWire;
}

/** Machines by their most urgent state; the five kinds sum to `machines`. */
export interface CountsWire {
  readonly machines: number;
  /** Severity → machines whose highest firing alert has it. */
  readonly firing: Readonly<Record<string, number>>;
  readonly notAssessable: number;
  readonly pending: number;
  readonly good: number;
}

/** Probabilities are rounded to four decimals. */
export interface ForecastWire {
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
  readonly originMs: number;
  readonly stepIndex: number;
  readonly revision: number;
  readonly status: ForecastStatus;
  readonly reason: string;
  /** What the curve rests on where the network was not used; left out: the network. */
  readonly rung?: SimpleRung;
  readonly model: string;
  /** What the probabilities are of. */
  readonly curve: CurveKind;
  readonly probabilities: readonly number[];
  readonly expectedDay: number | null;
  readonly coverage: number;
  readonly silentSensors: readonly string[];
  /** Left out: none. */
  readonly stuckSensors?: readonly string[];
}

export type AlertWire = Omit<AlertRecord, 'kind'>;
export type EventWire = Omit<EventRecord, 'kind'>;

export interface FleetWire {
  readonly timeMs: number;
  readonly rows: readonly { readonly forecast: ForecastWire; readonly alerts: readonly AlertWire[] }[];
}

/** One sensor over the shown steps, oldest first; arrays as long as `MachineWire.steps`. */
export interface SensorWire {
  readonly name: string;
  readonly unit: string;
  readonly min: number | null;
  readonly max: number | null;
  /** null: no reading in the step. */
  readonly means: readonly (number | null)[];
  readonly lows: readonly (number | null)[];
  readonly highs: readonly (number | null)[];
  readonly coverage: readonly number[];
  readonly stuck: readonly boolean[];
  readonly outOfRangeCounts: readonly number[];
}

export interface MachineWire {
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
  readonly timeMs: number;
  /** The forecast asked for (the newest, or the newest not after `at`); null without any. */
  readonly forecast: ForecastWire | null;
  /** Forecasts of earlier origins, newest first, by the same model where it spoke. */
  readonly previous: readonly ForecastWire[];
  /** What was said of the sensors' values at the forecast's origin; null without a network for them. */
  readonly values: ForecastValues | null;
  /** How the forecast for one day moved: the expected day, or the seventh. */
  readonly moved: MovedWire | null;
  readonly steps: readonly { readonly startMs: number; readonly endMs: number; readonly final: boolean }[];
  readonly sensors: readonly SensorWire[];
  readonly events: readonly EventWire[];
  readonly alerts: readonly AlertWire[];
  /** True: the machine is of a type that this process does not know; sensors have no names. */
  readonly unknownType: boolean;
}

export interface MovedWire {
  /** End of the day in question. */
  readonly targetMs: number;
  /** P(failed by then) as issued at each origin, oldest first. */
  readonly points: readonly { readonly originMs: number; readonly probability: number }[];
}

export interface AlertsWire {
  readonly timeMs: number;
  readonly alerts: readonly AlertWire[];
}

export interface SilenceWire extends Omit<SilenceRecord, 'kind'> {
  readonly state: 'active' | 'to-come' | 'over';
}

/** What mutes an alert for every receiver. */
export interface MutedWire {
  readonly by: 'silence' | 'maintenance-window' | 'mute-time' | 'inhibition';
  /** Id of the silence, name of the window, id of the other alert. */
  readonly name: string;
}

export interface SilencesWire {
  readonly timeMs: number;
  /** The one that ends last first. */
  readonly silences: readonly SilenceWire[];
  /** By alert id. */
  readonly muted: Readonly<Record<string, MutedWire>>;
}

export interface AlertDetailWire {
  readonly alert: AlertWire;
  /** Every transition, oldest first. */
  readonly history: readonly AlertWire[];
}

/** Data of the SSE event `update`: what changed since the one before. At most one entry per machine and alert. */
export interface UpdateWire {
  readonly timeMs: number;
  readonly forecasts: readonly ForecastWire[];
  /** Machines that left the fleet: failed for good or retired. */
  readonly gone: readonly string[];
  readonly alerts: readonly AlertWire[];
  /** Failures, maintenance and retirements; the newest of many. */
  readonly events: readonly EventWire[];
}

/** Data of the SSE events `hello`, `resync` (reload everything) and `beat`. */
export interface BeatWire {
  readonly timeMs: number;
}

/** The network in use of one machine type. */
export interface ModelWire {
  readonly type: string;
  /** null: none is trained; its machines are not assessable. */
  readonly version: string | null;
  /** In use since then, wall clock; null without one. */
  readonly sinceMs: number | null;
  /** Why the newest version is not the one in use; '' when it is. */
  readonly fault: string;
  /** Steps the network reads, steps given to it, steps forecast. */
  readonly windowSteps: number;
  readonly contextSteps: number;
  readonly horizonSteps: number;
}

export interface ModelsWire {
  readonly models: readonly ModelWire[];
}

export interface ModelDetailWire extends ModelWire {
  /** In the order of `values` in a request. */
  readonly features: readonly { readonly name: string; readonly unit: string }[];
  /** Scores on the machines kept from training, and what it was trained on; null without a network. */
  readonly metrics: Readonly<Record<string, unknown>> | null;
  /** card.md; '' without a network. */
  readonly card: string;
  /** From opening its files to the end of the warm-up; null without a network. */
  readonly openedInMs: number | null;
  /** Sequences asked for since it is in use: answered from memory, computed, and how many are remembered. */
  readonly cache: { readonly hits: number; readonly misses: number; readonly curves: number };
}

/** Answer to POST /v1/forecast: a forecast per sequence, in their order, all by one network. */
export interface ForecastsWire {
  readonly type: string;
  readonly model: string;
  readonly forecasts: readonly SequenceForecastWire[];
}

export interface SequenceForecastWire {
  /** As it was sent. */
  readonly id?: string;
  readonly status: 'ok' | 'fallback' | 'not-assessable';
  /** Why not 'ok', in words; '' when ok. */
  readonly reason: string;
  /** Of the fallback: what the curve rests on. */
  readonly rung?: SimpleRung;
  /** Steps that were read: at most `contextSteps`. */
  readonly stepCount: number;
  /** Share of the sensors that have a value in the newest five steps. */
  readonly coverage: number;
  /** P(failed by the end of step 1..H); empty when not assessable. */
  readonly probabilities: readonly number[];
  readonly expectedDay: number | null;
  /** Of networks that learned it. */
  readonly remainingLifeSteps?: number;
}

/**
 * Why a forecast is what it is: what each value of its window added to P(failed by `day`), compared with an average machine
 * of the training data with as long a history. The attributions sum to `probability` − `baseline` + `error`.
 */
export interface ExplanationWire {
  readonly machine: string;
  readonly type: string;
  readonly originMs: number;
  /** The network that was asked, that of the forecast where it is still there. */
  readonly model: string;
  readonly forecastModel: string;
  /** Day of the horizon that is explained. */
  readonly day: number;
  readonly probability: number;
  readonly baseline: number;
  readonly error: number;
  /** What the forecast said of that day: another than `probability` where a calibration follows the network. */
  readonly forecastProbability: number;
  /** Ends of the window's steps, oldest first. */
  readonly stepEndsMs: readonly number[];
  /** One per feature, in the network's order. */
  readonly features: readonly ExplainedFeature[];
  /** The same in sentences, the most important first. */
  readonly words: readonly string[];
}

export interface ExplainedFeature {
  readonly name: string;
  readonly unit: string;
  /** Sensor that it is of, or `events`, `maintenance`, `age`, `attributes`. */
  readonly group: string;
  /** As long as `stepEndsMs`; null is missing. */
  readonly values: readonly (number | null)[];
  /** Share of the probability that each value added; below 0: took away. */
  readonly attributions: readonly number[];
}
