/** Which transitions of which alerts one receiver is told. */
import type { AlertRecord } from '../domain/alert.js';
import { globPattern } from '../domain/machine-directory.js';
import type { AlertsConfig } from './config.js';
import { type RouteConfig, routeSchema } from './notifier-config.js';

export interface Route {
  readonly machines: RegExp;
  readonly rules: RegExp;
  readonly labels: readonly (readonly [string, string])[];
  /** Rank among the configured severities from which an alert is told; -1 lets those without a severity through too. */
  readonly minRank: number;
  readonly transitions: ReadonlySet<string>;
}

/** Everything that the decisions for one notifier go by. */
export interface Routing {
  readonly routes: readonly Route[];
  readonly rankOf: (severity: string) => number;
  readonly labelsOf: (rule: string) => Readonly<Record<string, string>>;
}

export function makeRouting(config: AlertsConfig, notifier: string): Routing {
  const routes: readonly RouteConfig[] = config.routes ?? [routeSchema.parse({ notifiers: [notifier] })];
  const labels = new Map((config.rules ?? []).map((rule) => [rule.name, rule.labels]));
  return {
    routes: routes
      .filter((route) => route.notifiers.includes(notifier))
      .map((route) => ({
        machines: globPattern(route.machines),
        rules: globPattern(route.rules),
        labels: Object.entries(route.labels),
        minRank: route.minSeverity === undefined ? -1 : config.severities.indexOf(route.minSeverity),
        transitions: new Set<string>(route.transitions),
      })),
    rankOf: (severity) => config.severities.indexOf(severity),
    labelsOf: (rule) => labels.get(rule) ?? {},
  };
}

export type RouteDecision = 'tell' | 'not-routed' | 'below-severity' | 'transition-not-listed';

/**
 * An alert is in scope of the receiver from the first firing or not-assessable transition that a route lets
 * through, and stays in it, so that its lowering and its end are told too; before that nothing is.
 */
export function decideRoute(routing: Routing, alert: AlertRecord, alreadyInScope: boolean): RouteDecision {
  const labels = routing.labelsOf(alert.rule);
  const matching = routing.routes.filter(
    (route) =>
      route.machines.test(alert.machine) &&
      route.rules.test(alert.rule) &&
      route.labels.every(([name, value]) => labels[name] === value),
  );
  if (matching.length === 0) return 'not-routed';
  const opens = alert.state === 'firing' || alert.state === 'not-assessable';
  const severe = matching.some((route) => routing.rankOf(alert.severity) >= route.minRank);
  if (!alreadyInScope && !(opens && severe)) return 'below-severity';
  return matching.some((route) => route.transitions.has(alert.transition)) ? 'tell' : 'transition-not-listed';
}

/** The same for a receiver that is new and finds the alert open: as if it had just come to where it is. */
export function decideRouteOfOpen(routing: Routing, alert: AlertRecord): RouteDecision {
  const transition = alert.state === 'not-assessable' ? 'not-assessable' : 'fired';
  return decideRoute(routing, { ...alert, transition }, false);
}
