/** History as the MQTT messages that machines would have sent: topics and payloads of the default topic templates. */
import type { Dataset, DatasetRecord } from '../domain/dataset.js';

/** One MQTT message and the plant time at which it is due. */
export interface TimedMessage {
  readonly timeMs: number;
  readonly topic: string;
  readonly payload: string;
}

/** `factory/{site}/{line}/{machine}`: a topic level cannot be empty, so a place without a name is called `plant`. */
export function factoryTopic(machine: {
  readonly id: string;
  readonly site: string;
  readonly line: string;
}): string {
  return `factory/${machine.site || 'plant'}/${machine.line || 'plant'}/${machine.id}`;
}

/** `{"time": ms, "sensor": value, ...}`, or `{"time": ms, "event": kind, "code": ...}` for the topic ending in /event. */
export function recordPayload(record: DatasetRecord, timeMs: number = record.timeMs): string {
  if (record.kind === 'readings') return JSON.stringify({ time: timeMs, ...record.values });
  return JSON.stringify({
    time: timeMs,
    event: record.event,
    ...(record.code === '' ? {} : { code: record.code }),
    ...(record.alert && { alert: record.alert }),
    ...(record.fault && { fault: record.fault }),
  });
}

/** All records of a data set as messages, in its order. `topicOf` gives a machine's topic (see `factoryTopic`). */
export async function* datasetMessages(
  dataset: Pick<Dataset, 'records'>,
  topicOf: (machine: string) => string,
): AsyncGenerator<TimedMessage> {
  for await (const record of dataset.records()) {
    const topic = topicOf(record.machine);
    yield {
      timeMs: record.timeMs,
      topic: record.kind === 'event' ? `${topic}/event` : topic,
      payload: recordPayload(record),
    };
  }
}
