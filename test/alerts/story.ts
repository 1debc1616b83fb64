/** Records, rules and a plant for tests of the alert stage. Days count from 2026-03-01T00:00Z. */
import { type AlertsConfigInput, alertsConfigSchema } from '../../alerts/config.js';
import { storyFileSchema } from '../../app/rule-stories/story-file.js';
import { dayMs, parseStoryLine } from '../../app/rule-stories/story-line.js';
import { type StoryInput, StoryPlant } from '../../app/rule-stories/story-plant.js';
import { tellStory } from '../../app/rule-stories/tell-story.js';
import type { AlertRecord } from '../../domain/alert.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { EventKind, EventRecord } from '../../domain/input.js';
import { type MachineType, type MachineTypeInput, machineTypeSchema } from '../../domain/machine-type.js';

export { dayMs };
/** What the alert stage reads. */
export type Input = Exclude<StoryInput, { kind: 'silence' }>;

const startMs = Date.UTC(2026, 2, 1);
export const timeOf = (day: number): number => Math.round(startMs + day * dayMs);

export const turbine = (over: Partial<MachineTypeInput> = {}): MachineType =>
  machineTypeSchema.parse({ name: 'turbine', sensors: [{ name: 'speed' }], ...over });

export const twoLevels = {
  name: 'near',
  condition: 'failure_probability(14d)',
  severities: [
    { name: 'warning', set: 0.3, reset: 0.2 },
    { name: 'critical', set: 0.6, reset: 0.4 },
  ],
};

const type = turbine();
const recordOf = (line: string): StoryInput =>
  parseStoryLine(line, { startMs, type, withinSteps: 14, alertIdOf: () => '' })[0] as StoryInput;

/** `p` null: not assessable. */
export function forecastOf(
  day: number,
  p: number | null,
  over: Partial<ForecastRecord> = {},
): ForecastRecord {
  return { ...(recordOf(`${day} ${p === null ? 'blind' : `p ${p}`}`) as ForecastRecord), ...over };
}

export function eventOf(day: number, event: EventKind, over: Partial<EventRecord> = {}): EventRecord {
  return { ...(recordOf(`${day} ${event}`) as EventRecord), ...over };
}

export const plantOf = (config: AlertsConfigInput): StoryPlant =>
  new StoryPlant({ config: alertsConfigSchema.parse(config), types: [type], checkpointRecords: 3 });

/** What is said of the lines of a story, by the rule `near` with these changes. */
export async function tell(
  lines: readonly string[],
  {
    rule = {},
    machineType = type,
    within = '14d',
  }: { rule?: object; machineType?: MachineType; within?: string } = {},
): Promise<readonly AlertRecord[]> {
  const { stories, ...setting } = storyFileSchema.parse({
    alerts: { rules: [{ ...twoLevels, ...rule }] },
    within,
    stories: [{ name: 'of a test', lines: lines.map((line) => ({ [line]: null })) }],
  });
  const [story] = stories;
  if (!story) throw new Error('one story');
  return (await tellStory({ ...story, machineType }, setting)).plant.alerts;
}
