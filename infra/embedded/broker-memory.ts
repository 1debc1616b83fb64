/**
 * Bounds on the memory of the embedded broker: what absent subscribers with a session, and retained topics, may hold.
 * aedes' own memory holds both without limit.
 */
import type { Aedes } from 'aedes';

export interface MemoryLimits {
  /** Messages per session. */
  readonly queuedMax: number;
  /** Sessions that may have messages waiting. */
  readonly sessionsMax: number;
  readonly retainedMax: number;
}

interface Publish {
  readonly topic: string;
  readonly payload: { readonly length: number };
}

interface Session {
  readonly clientId: string;
}

/** The part of aedes-persistence 11 that is bounded here; `Aedes` does not declare its `persistence`. */
interface Persistence {
  storeRetained(packet: Publish): Promise<void>;
  outgoingEnqueueCombi(sessions: readonly Session[], packet: Publish): Promise<void>;
  outgoingClearMessageId(client: { readonly id: string }, packet: unknown): Promise<unknown>;
}

/** Wraps the memory of a listening broker. `onProblem` hears once of each session and of the first topic left out. */
export function boundMemory(aedes: Aedes, limits: MemoryLimits, onProblem: (sentence: string) => void): void {
  const { persistence } = aedes as unknown as { readonly persistence: Persistence };
  const storeRetained = persistence.storeRetained.bind(persistence);
  const enqueue = persistence.outgoingEnqueueCombi.bind(persistence);
  const clear = persistence.outgoingClearMessageId.bind(persistence);
  const retained = new Set<string>();
  const queued = new Map<string, number>();
  const told = new Set<string>();

  const tell = (about: string, sentence: string): void => {
    if (told.has(about) || told.size >= limits.sessionsMax) return;
    told.add(about);
    onProblem(sentence);
  };

  persistence.storeRetained = async (packet) => {
    if (packet.payload.length === 0) retained.delete(packet.topic);
    else if (retained.has(packet.topic) || retained.size < limits.retainedMax) retained.add(packet.topic);
    else {
      tell('', `"${packet.topic}" is not retained: ${limits.retainedMax} topics are (retainedMax)`);
      return;
    }
    await storeRetained(packet);
  };

  persistence.outgoingEnqueueCombi = async (sessions, packet) => {
    const kept = sessions.filter(({ clientId }) => {
      const count = queued.get(clientId);
      const fits = count === undefined ? queued.size < limits.sessionsMax : count < limits.queuedMax;
      if (fits) queued.set(clientId, (count ?? 0) + 1);
      else
        tell(
          clientId,
          `subscriber "${clientId}" loses messages: ${count ?? 0} wait for it (queuedMax ${limits.queuedMax})`,
        );
      return fits;
    });
    await enqueue(kept, packet);
  };

  persistence.outgoingClearMessageId = async (client, packet) => {
    const cleared = await clear(client, packet);
    const count = queued.get(client.id);
    if (cleared !== undefined && count !== undefined) {
      if (count > 1) queued.set(client.id, count - 1);
      else queued.delete(client.id);
    }
    return cleared;
  };
}
