/** Consumer groups, one per stage; their offsets and state in the log go by these names. */
export const groups = {
  stream: 'stream',
  model: 'model',
  alerts: 'alerts',
  store: 'store',
  gather: 'gather',
  dispatch: 'dispatch',
} as const;
