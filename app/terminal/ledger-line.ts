import type { Ledger } from '../ledger.js';
import { formatCount } from './format.js';

/** "every reading and event accounted for: 4,203 received = 4,203 accepted"; what is zero is left out. */
export function formatLedger(ledger: Ledger): string {
  const ends = (['accepted', 'rejected', 'duplicate', 'late', 'waiting'] as const)
    .filter((end) => ledger[end] > 0)
    .map((end) => `${formatCount(ledger[end])} ${end}`);
  return `every reading and event accounted for: ${formatCount(ledger.received)} received = ${ends.join(' + ') || 'none'}`;
}
