/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The candidate that a person most likely meant by `word`; undefined if none is near (a third of its letters). */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  const typed = word.toLowerCase();
  for (const candidate of candidates) {
    const name = candidate.toLowerCase();
    // `retention` for `retentionMs`: a whole word with its unit left out, or put where none belongs.
    const stem = typed.length >= 3 && (name.startsWith(typed) || typed.startsWith(name));
    const d = stem ? 0.5 : distance(typed, name);
    const limit = Math.max(1, Math.floor(Math.max(typed.length, name.length) / 3));
    if (d <= limit && d < bestDistance) {
      best = candidate;
      bestDistance = d;
    }
  }
  return best;
}

/** `; did you mean "x"?`, or what there is to choose from when nothing is near. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const near = didYouMean(word, candidates);
  if (near !== undefined) return `; did you mean \`${near}\`?`;
  return candidates.length === 0
    ? ''
    : `; write one of ${candidates.map((name) => `\`${name}\``).join(', ')}`;
}
