/** Which transitions of which alerts a receiver is told, and by which route. */
import type { AlertRecord } from '../domain/alert.js';
import { globPattern } from '../domain/machine-directory.js';
import type { AlertsConfig } from './config.js';
import { type Labels, makeLabelsOf } from './labels.js';
import { fitsAll, matchersOf } from './matcher.js';
import { type BranchConfig, notifiableTransitions, quietTransitions, routeSchema } from './route-config.js';

/** A route with all that it has of those that it stands in. */
export interface Route {
  /** Where it stands: `0`, `0.2`. */
  readonly id: string;
  readonly fits: (alert: AlertRecord, labels: Labels) => boolean;
  readonly notifiers: readonly string[];
  /** Rank among the configured severities from which an alert is told; -1 lets those without a severity through too. */
  readonly minRank: number;
  readonly transitions: ReadonlySet<string>;
  /** null: each transition is told on its own. */
  readonly groupBy: readonly string[] | null;
  readonly groupWaitMs: number;
  readonly groupIntervalMs: number;
  /** Infinity: never. */
  readonly repeatIntervalMs: number;
  readonly storm: { readonly above: number; readonly interval: number };
  readonly muteTimes: readonly string[];
  /** Empty: always. */
  readonly activeTimes: readonly string[];
  readonly continue: boolean;
  readonly routes: readonly Route[];
}

/** Everything that the decisions go by. */
export interface Routing {
  readonly notifiers: readonly string[];
  /** Those of them that group, wait and repeat themselves, and must know of every transition. */
  readonly alertmanagers: ReadonlySet<string>;
  readonly routes: readonly Route[];
  readonly rankOf: (severity: string) => number;
  readonly labelsOf: (alert: AlertRecord) => Labels;
}

export function makeRouting(config: AlertsConfig): Routing {
  const notifiers = config.notifiers.map(({ name }) => name);
  const routes = config.routes ?? [routeSchema.parse({ notifiers })];
  return {
    notifiers,
    alertmanagers: new Set(
      config.notifiers.filter(({ kind }) => kind === 'alertmanager').map(({ name }) => name),
    ),
    routes: routes.map((route, index) => makeRoute(config, route, String(index))),
    rankOf: (severity) => config.severities.indexOf(severity),
    labelsOf: makeLabelsOf(config),
  };
}

function makeRoute(config: AlertsConfig, route: BranchConfig, id: string): Route {
  const machines = globPattern(route.machines);
  const rules = globPattern(route.rules);
  const wanted = Object.entries(route.labels);
  const matchers = matchersOf(route.match);
  const grouped = route.groupBy !== undefined;
  const { routes = [], ...inherited } = route;
  return {
    id,
    fits: (alert, labels) =>
      machines.test(alert.machine) &&
      rules.test(alert.rule) &&
      wanted.every(([name, value]) => labels[name] === value) &&
      fitsAll(matchers, labels),
    notifiers: route.notifiers ?? [],
    minRank: route.minSeverity === undefined ? -1 : config.severities.indexOf(route.minSeverity),
    transitions: new Set<string>(
      route.transitions ?? notifiableTransitions.filter((name) => !quietTransitions.has(name)),
    ),
    groupBy: route.groupBy ?? null,
    groupWaitMs: route.groupWait ?? (grouped ? 30_000 : 1000),
    groupIntervalMs: route.groupInterval ?? (grouped ? 300_000 : 0),
    repeatIntervalMs:
      route.repeatInterval === undefined || route.repeatInterval === 'never'
        ? Number.POSITIVE_INFINITY
        : route.repeatInterval,
    storm: route.storm ?? { above: 20, interval: 60_000 },
    muteTimes: route.muteTimes ?? [],
    activeTimes: route.activeTimes ?? [],
    continue: route.continue,
    routes: routes.map((child, index) =>
      makeRoute(config, { ...inherited, ...given(child) }, `${id}.${index}`),
    ),
  };
}

/** Optional fields that are there with the value undefined would hide the inherited ones. */
function given(route: BranchConfig): BranchConfig {
  return Object.fromEntries(Object.entries(route).filter(([, value]) => value !== undefined)) as BranchConfig;
}

/** The routes of an alert that lead to the receiver, in the order of the file. */
export function routesTo(
  { routes, alertmanagers }: Routing,
  notifier: string,
  alert: AlertRecord,
  labels: Labels,
): Route[] {
  const found = routes
    .flatMap((route) => deepest(route, alert, labels))
    .filter(({ notifiers }) => notifiers.includes(notifier));
  return alertmanagers.has(notifier) ? found.map((route) => ({ ...route, ...asTheyCome })) : found;
}

/** How an Alertmanager is told: which alerts is the route's, when and with what others is its own. */
const asTheyCome = {
  transitions: new Set<string>(notifiableTransitions),
  groupBy: null,
  groupWaitMs: 0,
  groupIntervalMs: 0,
  repeatIntervalMs: Number.POSITIVE_INFINITY,
  storm: { above: Number.POSITIVE_INFINITY, interval: 0 },
} satisfies Partial<Route>;

function deepest(route: Route, alert: AlertRecord, labels: Labels): readonly Route[] {
  if (!route.fits(alert, labels)) return [];
  const found: Route[] = [];
  for (const child of route.routes) {
    const within = deepest(child, alert, labels);
    found.push(...within);
    if (within.length > 0 && !child.continue) break;
  }
  return found.length > 0 ? found : [route];
}

export type RouteDecision = 'tell' | 'below-severity' | 'transition-not-listed';

/**
 * An alert is in scope of the receiver from the first firing or not-assessable transition that a route lets
 * through, and stays in it, so that its lowering and its end are told too; before that nothing is.
 */
export function decideRoute(
  { rankOf }: Routing,
  routes: readonly Route[],
  alert: AlertRecord,
  alreadyInScope: boolean,
): RouteDecision {
  const opens = alert.state === 'firing' || alert.state === 'not-assessable';
  const severe = routes.some((route) => rankOf(alert.severity) >= route.minRank);
  if (!alreadyInScope && !(opens && severe)) return 'below-severity';
  return routes.some((route) => route.transitions.has(alert.transition)) ? 'tell' : 'transition-not-listed';
}

/** The same for a receiver that is new and finds the alert open: as if it had just come to where it is. */
export function decideRouteOfOpen(
  routing: Routing,
  routes: readonly Route[],
  alert: AlertRecord,
): RouteDecision {
  const transition = alert.state === 'not-assessable' ? 'not-assessable' : 'fired';
  return decideRoute(routing, routes, { ...alert, transition }, false);
}
