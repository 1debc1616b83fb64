/**
 * How a window becomes H hazards: the ways that the field names, all with the same cells and the same loss.
 *
 *   dense                        every step of the window emits its own H hazards; the newest step's are the forecast
 *   many-to-one                  the state after the newest step emits all H hazards
 *   equal-length                 output k is read from step k of the window's last H steps (for comparison: day 1 has
 *                                seen only the oldest of them)
 *   encoder-decoder              a second network, started with the state of the first, runs over the H days and emits
 *                                one hazard a day; its inputs say which day it is
 *   encoder-decoder-recursive    the same, and the day before's output is an input as well
 *   day-decoder                  a feed-forward network shared by the days reads the state after the newest step, the newest
 *                                step's inputs, which day it is, and what is known of that day, and emits its hazard
 *
 * Source for encoder and decoder: Cho et al. 2014; Sutskever, Vinyals & Le 2014.
 */
export const taskNames = [
  'dense',
  'many-to-one',
  'equal-length',
  'encoder-decoder',
  'encoder-decoder-recursive',
  'day-decoder',
] as const;
export type TaskName = (typeof taskNames)[number];

/** Whether each step of a window has labels of its own, or the window has those of its newest step. */
export function labelsOf(task: TaskName): 'every-step' | 'newest-step' {
  return task === 'dense' ? 'every-step' : 'newest-step';
}

/** Whether a second recurrent network runs over the horizon. */
export function hasDecoder(task: TaskName): boolean {
  return task === 'encoder-decoder' || task === 'encoder-decoder-recursive';
}

/** Whether it reads what is known of the days to come. */
export function readsKnownFuture(task: TaskName): boolean {
  return task === 'day-decoder';
}

/** undefined, or a sentence that says why a task cannot be had with this window and horizon. */
export function refusalOf(
  task: TaskName,
  spec: { readonly windowSteps: number; readonly horizonSteps: number },
): string | undefined {
  if (task === 'equal-length' && spec.windowSteps < spec.horizonSteps)
    return `\`task: equal-length\` reads day k from step k, so it needs a window of at least ${spec.horizonSteps} steps (the horizon), got ${spec.windowSteps}. Lengthen the window, or choose another task.`;
  return undefined;
}
