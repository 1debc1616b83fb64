/**
 * Tells a story to the real stages and compares what they say with what is wanted. Said, one part for each transition
 * and notification, in order:
 *
 *     [MACHINE] [NOTIFIER got] TRANSITION [SEVERITY] [(REASON)] @DAY [VALUE] [by RULE]
 *
 * and of several alerts in one notification
 *
 *     NOTIFIER got [again] NUMBER of LABEL=VALUE (NUMBER TRANSITION SEVERITY, ...)
 *
 * or `together` in place of labels. MACHINE where the story names machines, RULE where there are several rules, REASON for what ends, what is not assessable and
 * acknowledgements; notifications where the alerts name notifiers. What is said of several machines at once in the same
 * words is told once, with their number: `500x fired critical @1 0.9`.
 */
import type { AlertsConfig } from '../../alerts/config.js';
import { stepMsOf } from '../../alerts/rule.js';
import type { AlertRecord } from '../../domain/alert.js';
import { UserError } from '../../domain/errors.js';
import { type MachineType, machineTypeSchema } from '../../domain/machine-type.js';
import type { Story, StoryFile } from './story-file.js';
import { dayMs, namesMachine, parseStoryLine } from './story-line.js';
import { StoryPlant } from './story-plant.js';

/** A line that was told as it was not wanted. */
export interface Surprise {
  readonly happens: string;
  readonly wanted: readonly string[];
  readonly said: readonly string[];
}

export interface Told {
  readonly name: string;
  readonly surprises: readonly Surprise[];
  readonly plant: StoryPlant;
}

/** Where a file of stories does not say: of the deployment. */
export interface StoryDefaults {
  readonly config: AlertsConfig;
  readonly types: readonly MachineType[];
}

const plainType = machineTypeSchema.parse({ name: 'machine', sensors: [{ name: 'sensor' }] });

/** Throws UserError where a line cannot be read, or the rules do not fit the machine type. */
export async function tellStory(
  story: Story,
  { startMs, withinMs }: Pick<StoryFile, 'startMs' | 'withinMs'>,
  defaults?: StoryDefaults,
): Promise<Told> {
  const { name, lines, config = defaults?.config } = story;
  if (!config)
    throw new UserError(
      `story "${name}" has no rules: write \`alerts\` in the file, or name a deployment with -c`,
    );
  const types = story.machineType ? [story.machineType] : (defaults?.types ?? [plainType]);
  const type = types[0] as MachineType;
  const plant = new StoryPlant({ config, types, checkpointRecords: 3 });
  const severalRules = (config.rules?.length ?? 2) > 1;
  const severalMachines = lines.some(({ happens }) => namesMachine(happens));
  const withinSteps = Math.min(type.horizonSteps, Math.round(withinMs / stepMsOf(type)));
  const alertIdOf = (machine: string): string =>
    plant.alerts.findLast((alert) => alert.machine === machine)?.alertId ?? '';
  const dayOf = (timeMs: number): number => Math.round(((timeMs - startMs) / dayMs) * 100) / 100;
  const say = (alert: AlertRecord, to: string): Saying => ({
    machine: severalMachines ? alert.machine : '',
    words: `${to}${wordsOf(alert, dayOf)}${severalRules ? ` by ${alert.rule}` : ''}`,
  });

  const surprises: Surprise[] = [];
  for (const { happens, wanted } of lines) {
    const told: Saying[] = [];
    const notifiedBefore = plant.notified.length;
    const alerts =
      happens === 'restart'
        ? await plant.restart()
        : await plant.push(...parseStoryLine(happens, { startMs, type, withinSteps, alertIdOf }));
    for (const alert of alerts) told.push(say(alert, ''));
    if (config.notifiers.some(({ kind }) => kind !== 'log'))
      for (const { notifier, alerts: notified, group, reason } of plant.notified.slice(notifiedBefore)) {
        const got = `${notifier} got ${reason === 'repeated' ? 'again ' : ''}`;
        if (group) told.push({ machine: '', words: got + wordsOfGroup(group, notified) });
        else for (const alert of notified) told.push(say(alert, got));
      }
    const said = counted(told);
    if (said.join(';') !== wanted.join(';')) surprises.push({ happens, wanted, said });
  }
  return { name, surprises, plant };
}

interface Saying {
  readonly machine: string;
  readonly words: string;
}

const spelledOut = 3;

function counted(told: readonly Saying[]): string[] {
  const byWords = new Map<string, string[]>();
  for (const { machine, words } of told) byWords.set(words, [...(byWords.get(words) ?? []), machine]);
  return [...byWords].flatMap(([words, machines]) =>
    machines.length > spelledOut
      ? [`${machines.length}x ${words}`]
      : machines.map((machine) => (machine === '' ? words : `${machine} ${words}`)),
  );
}

/** `3 of line=hot (2 fired critical, 1 resolved warning)`. */
function wordsOfGroup(group: Readonly<Record<string, string>>, alerts: readonly AlertRecord[]): string {
  const labels = Object.entries(group).map(([label, value]) => `${label}=${value}`);
  const counts = new Map<string, number>();
  for (const { transition, severity } of alerts) {
    const word = severity === '' ? transition : `${transition} ${severity}`;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const parts = [...counts].map(([word, count]) => `${count} ${word}`);
  return `${alerts.length} ${labels.length > 0 ? `of ${labels.join(' ')}` : 'together'} (${parts.join(', ')})`;
}

function wordsOf(alert: AlertRecord, dayOf: (timeMs: number) => number): string {
  const telling =
    alert.state === 'resolved' ||
    alert.transition === 'not-assessable' ||
    alert.transition === 'acknowledged' ||
    alert.transition === 'assigned' ||
    alert.transition === 'commented';
  return [
    alert.transition,
    ...(alert.severity === '' ? [] : [alert.severity]),
    ...(telling ? [`(${alert.reason})`] : []),
    `@${dayOf(alert.timeMs)}`,
    ...(alert.value === null ? [] : [String(Math.round(alert.value * 1e6) / 1e6)]),
  ].join(' ');
}
