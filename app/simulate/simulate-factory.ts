/**
 * A whole simulated factory. `simulateHistory` gives what happened, in the order it happened; `simulateFactory` gives
 * what arrives at a broker, in the order it arrives, after gateways, clocks and networks have had their way with it.
 * Both are lazy, hold one object per machine, and give the same for the same configuration.
 */
import type { Dataset, DatasetRecord, MachineRecord } from '../../domain/dataset.js';
import { Rng } from '../../domain/rng.js';
import { TimeQueue } from '../../domain/time-queue.js';
import { factoryTopic, recordPayload } from '../replay-messages.js';
import { type Factory, placeOf } from './factory-config.js';
import { GatewayOutages } from './gateway-outages.js';
import { fromMs, gatewaySkewMs, machinesOf, untilMs } from './scenario.js';
import { drawExponential, type Label, SimulatedMachine } from './simulated-machine.js';

const dayMs = 86_400_000;
/** A gateway sends its backlog at this pace. */
const backlogMessageMs = 20;

export type HistoryItem =
  | { readonly kind: 'record'; readonly record: DatasetRecord; readonly machineIndex: number }
  | { readonly kind: 'label'; readonly label: Label }
  /** Everything before this time has been given. */
  | { readonly kind: 'until'; readonly timeMs: number };

export interface SimulatedMessage {
  readonly kind: 'message';
  /** True time at which the broker gets it; never before the one of the message before. */
  readonly timeMs: number;
  readonly topic: string;
  readonly payload: string;
}

export type SimulatedItem = SimulatedMessage | { readonly kind: 'label'; readonly label: Label };

/** Records in ascending time; labels as soon as their end is known. */
export function* simulateHistory(factory: Factory): Generator<HistoryItem> {
  const { config } = factory;
  const machines = Array.from(
    { length: config.machines },
    (_, index) => new SimulatedMachine(factory, index),
  );
  const endMs = config.startAt + Math.round(config.days * dayMs);
  for (const label of changeLabels(factory)) yield { kind: 'label', label };
  for (let slotMs = config.startAt; slotMs < endMs; slotMs += config.everyMs) {
    const toMs = Math.min(slotMs + config.everyMs, endMs);
    const slot: { record: DatasetRecord; machineIndex: number }[] = [];
    const labels: Label[] = [];
    machines.forEach((machine, machineIndex) => {
      for (const record of machine.live(slotMs, toMs, labels)) slot.push({ record, machineIndex });
    });
    slot.sort((a, b) => a.record.timeMs - b.record.timeMs || a.machineIndex - b.machineIndex);
    for (const { record, machineIndex } of slot) yield { kind: 'record', record, machineIndex };
    for (const label of labels) yield { kind: 'label', label };
    yield { kind: 'until', timeMs: toMs };
  }
  for (const machine of machines)
    for (const label of machine.endLabels(endMs)) yield { kind: 'label', label };
}

/** What the scenario changes before the end. */
function changeLabels(factory: Factory): Label[] {
  const { scenario, startAt, machines, days } = factory.config;
  const places = Array.from({ length: machines }, (_, index) => placeOf(factory, index));
  return scenario
    .filter(({ fromDay }) => fromDay < days)
    .map((change) => ({
      kind: 'change',
      change,
      machines:
        change.change === 'gateway-clock'
          ? places.filter(({ line }) => line === change.line).map(({ id }) => id)
          : machinesOf(
              change,
              places.map(({ id }) => id),
            ),
      startMs: fromMs(change, startAt),
      endMs: untilMs(change, startAt) ?? null,
    }));
}

/** Messages in the order of their arrival, and labels. What is still on its way at the end is delivered too. */
export function* simulateFactory(factory: Factory): Generator<SimulatedItem> {
  const { config } = factory;
  const { trouble } = config;
  const rng = new Rng(config.seed ^ 0x5bd1e995);
  const topics = Array.from({ length: config.machines }, (_, index) => factoryTopic(placeOf(factory, index)));
  const skews = Float64Array.from({ length: config.machines }, () => {
    const skewed = rng.uniform() < trouble.skewedShare;
    const skewMs = Math.round((2 * rng.uniform() - 1) * trouble.skewMs);
    return skewed ? skewMs : 0;
  });
  for (const [index, skewMs] of skews.entries())
    if (skewMs !== 0)
      yield { kind: 'label', label: { kind: 'clock', machine: placeOf(factory, index).id, skewMs } };
  const gateways = new GatewayOutages(factory, Math.ceil(config.machines / config.machinesPerLine));
  /** Messages on their way, in the order of their arrival. */
  const queue = new TimeQueue<SimulatedMessage>();
  const send = (message: SimulatedMessage) => queue.set(message, message.timeMs);
  for (const item of simulateHistory(factory)) {
    if (item.kind === 'label') {
      yield item;
      continue;
    }
    if (item.kind === 'until') {
      yield* gateways.takeLabels();
      yield* queue.takeBefore(item.timeMs);
      continue;
    }
    const { record, machineIndex } = item;
    const line = Math.floor(machineIndex / config.machinesPerLine);
    const topic =
      record.kind === 'event' ? `${topics[machineIndex]}/event` : (topics[machineIndex] as string);
    const gatewayMs = gatewaySkewMs(config.scenario, `line-${line + 1}`, record.timeMs, config.startAt);
    const payload = recordPayload(record, record.timeMs + (skews[machineIndex] as number) + gatewayMs);
    const delayMs = Math.round(drawExponential(rng) * trouble.delayMs);
    const outage = gateways.at(line, record.timeMs);
    const arrivalMs =
      outage === undefined
        ? record.timeMs + delayMs
        : outage.endMs +
          (trouble.backlog === 'in-order'
            ? outage.backlogCount * backlogMessageMs
            : Math.floor(rng.uniform() * (outage.backlogCount + 1) * backlogMessageMs));
    if (outage !== undefined) outage.backlogCount++;
    send({ kind: 'message', timeMs: arrivalMs, topic, payload });
    if (rng.uniform() < trouble.duplicateShare)
      send({
        kind: 'message',
        timeMs: arrivalMs + Math.round(drawExponential(rng) * 30_000),
        topic,
        payload,
      });
  }
  yield* gateways.takeLabels('all');
  yield* queue.takeBefore(Number.POSITIVE_INFINITY);
}

/** The simulated history as a data set (true times, nothing lost): to train on. Runs the simulation once to know its ends. */
export function factoryDataset(factory: Factory): Dataset {
  const { config } = factory;
  const endMs = config.startAt + Math.round(config.days * dayMs);
  const firstMs = new Map<number, number>();
  const lastMs = new Map<number, number>();
  const failuresMs = Array.from({ length: config.machines }, (): number[] => []);
  for (const item of simulateHistory(factory)) {
    if (item.kind !== 'record') continue;
    const { timeMs } = item.record;
    if (!firstMs.has(item.machineIndex)) firstMs.set(item.machineIndex, timeMs);
    lastMs.set(item.machineIndex, timeMs);
    if (item.record.kind === 'event' && item.record.event === 'failure')
      failuresMs[item.machineIndex]?.push(timeMs);
  }
  const machines = failuresMs.map(
    (failures, index): MachineRecord => ({
      machine: placeOf(factory, index).id,
      attributes: {},
      firstMs: firstMs.get(index) ?? config.startAt,
      lastMs: lastMs.get(index) ?? config.startAt,
      knownUntilMs: endMs,
      failuresMs: failures,
    }),
  );
  return {
    name: `simulated factory, seed ${config.seed}`,
    machines,
    skipped: [],
    async *records() {
      for (const item of simulateHistory(factory)) if (item.kind === 'record') yield item.record;
    },
  };
}
