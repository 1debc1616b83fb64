/** Silences on a terminal. */
import type { SilencesWire } from '../../infra/http/wire.js';
import { formatTime } from './format.js';
import { formatTable } from './table.js';

const words = { active: 'active', 'to-come': 'to come', over: 'over' } as const;

export function formatSilences({ silences, muted }: SilencesWire): string {
  const count = Object.keys(muted).length;
  const note = `${count === 0 ? 'no' : count} open ${count === 1 ? 'alert is' : 'alerts are'} muted now`;
  if (silences.length === 0) return `no silences; ${note}`;
  const rows = silences.map(({ id, state, startsMs, endsMs, matchers, by, comment }) => [
    id,
    words[state],
    formatTime(startsMs),
    formatTime(endsMs),
    matchers.join(' '),
    by,
    comment,
  ]);
  const titles = ['id', '', 'from', 'until', 'matchers', 'by', 'comment'];
  return `${formatTable(
    titles.map((title) => ({ title })),
    rows,
  )}\n${note}`;
}
