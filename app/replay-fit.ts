/**
 * A replay publishes what the default `ingest` takes: default topics, times in ms, the machine type's units. Where a
 * deployment takes other messages, or takes the time from its computer, readings would be refused, converted wrongly
 * or late; that is told before the first one goes out.
 */
import { TopicMatcher } from '../ingest/topic-template.js';
import type { Deployment } from './config.js';

/** Why a pipeline of this deployment cannot take a replay to `topic` (of a machine's readings); undefined: it can. */
export function replayProblem({ config }: Deployment, topic: string): string | undefined {
  const { topics, timeField, timeUnit, units } = config.ingest;
  const matcher = new TopicMatcher(topics);
  for (const [kind, to] of [
    ['readings', topic],
    ['events', `${topic}/event`],
  ] as const) {
    const match = matcher.match(to);
    const template = `factory/{site}/{line}/{machine}${kind === 'events' ? '/event' : ''}`;
    if (typeof match === 'string' || match.owner.kind !== kind)
      return `a replay publishes ${kind} to ${to}, which no topic under ingest.topics takes: add { template: "${template}", kind: ${kind} } there`;
    const field = match.owner.timeField ?? timeField;
    const unit = match.owner.timeUnit ?? timeUnit;
    if (field !== 'time' || unit !== 'ms')
      return `a replay writes "time" in ms, but ${match.owner.template} has "${field}" in ${unit}: give a topic for replays its own timeField: time and timeUnit: ms`;
  }
  const [sensor] = Object.keys(units);
  if (sensor !== undefined)
    return `a replay publishes in the units of the machine type, but ingest.units would convert ${sensor} from ${units[sensor]}: use a deployment file without ingest.units for replays`;
  return undefined;
}
