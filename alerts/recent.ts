/** At which of the newest origins a condition was met, as bits: bit 0 is the newest. For n of m and for flapping. */

const kept = 30;

export function metBits(before: number, met: boolean): number {
  return ((before << 1) | Number(met)) & (2 ** kept - 1);
}

/** How often it was met at the newest `of` origins; an origin that never was counts as not met. */
export function metCount(bits: number, of: number): number {
  let count = 0;
  for (let k = 0; k < of; k++) count += (bits >> k) & 1;
  return count;
}

/** Of 21 origins, as Nagios has it. */
const changesSeen = 20;

/**
 * Nagios' flap detection: the share of the newest 20 origins at which the condition changed, weighted from 0.8 for the
 * oldest to 1.2 for the newest, with a threshold to begin and a lower one to end
 * (https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/flapping.html).
 */
export function isFlapping(
  bits: number,
  before: boolean,
  { from, until }: { readonly from: number; readonly until: number },
): boolean {
  let changed = 0;
  for (let k = 0; k < changesSeen; k++)
    if (((bits >> k) ^ (bits >> (k + 1))) & 1) changed += 1.2 - (0.4 * k) / (changesSeen - 1);
  const share = changed / changesSeen;
  return before ? share >= until : share >= from;
}
