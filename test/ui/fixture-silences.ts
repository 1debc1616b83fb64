/** Silences in memory: what the log does to them has tests of its own. */
import type { SilenceRecord } from '../../domain/silence.js';
import type { Silences } from '../../infra/http/ports.js';

export function makeSilences(nowMs: () => number): Silences {
  const silences = new Map<string, SilenceRecord>();
  return {
    list: async () => [...silences.values()],
    add: async (given) => {
      const id = `silence-${silences.size + 1}`;
      silences.set(id, { kind: 'silence', id, ...given });
      return id;
    },
    end: async (id) => {
      const silence = silences.get(id);
      if (!silence) return 'unknown';
      silences.set(id, { ...silence, endsMs: nowMs() });
      return 'ended';
    },
    muted: async () => ({}),
  };
}
