/** The step operator's state as entries of the log: one for the partition, one per machine, one per kept step. */
import type { Buffer } from 'node:buffer';
import { UserError } from '../domain/errors.js';
import type { StateEntry } from '../domain/log.js';
import { addLedgers, emptyLedger, type Ledger } from './ledger.js';
import { MachineState, StepState, stateLayout } from './machine-state.js';
import { decodeMeta, encodeMeta, type PartitionMeta } from './partition-meta.js';
import type { TypeClock } from './type-clock.js';

const metaKey = 'partition';
const machinePrefix = 'machine|';
const stepPrefix = 'step|';

export function machineKey(machine: string): string {
  return machinePrefix + machine;
}

/** Time first: the steps that are opened and closed together lie side by side in a sorted state. */
export function stepKey(machine: string, startMs: number): string {
  return `${stepPrefix}${startMs}|${machine}`;
}

interface Entry {
  readonly key: string;
  readonly value: Buffer;
}

/** Deletions of what is removed, then entries for what is dirty, which then is clean: it may have come again. */
export function collectState(
  meta: Omit<PartitionMeta, 'layouts'>,
  clocks: ReadonlyMap<string, TypeClock>,
  removed: Iterable<string>,
  machines: Iterable<MachineState>,
): StateEntry[] {
  const layouts = new Map([...clocks].map(([name, clock]) => [name, stateLayout(clock.type)]));
  const entries: StateEntry[] = [{ key: metaKey, value: encodeMeta({ ...meta, layouts }) }];
  for (const key of removed) entries.push({ key, value: null });
  for (const machine of machines) {
    if (machine.dirty) entries.push({ key: machineKey(machine.id), value: machine.encode() });
    machine.dirty = false;
    for (const step of machine.steps) {
      if (step.dirty) entries.push({ key: stepKey(machine.id, step.startMs), value: step.encode() });
      step.dirty = false;
    }
  }
  return entries;
}

export interface RestoredState {
  /** Undefined if there was no state. */
  readonly meta: PartitionMeta | undefined;
  readonly machines: Map<string, MachineState>;
  /** Entries of machines whose type the configuration no longer has. */
  readonly forgottenKeys: readonly string[];
}

/** Throws UserError if a machine type has changed in what its state depends on. */
export function restoreState(
  entries: Iterable<Entry>,
  clocks: ReadonlyMap<string, TypeClock>,
): RestoredState {
  const all = [...entries];
  const metaEntry = all.find(({ key }) => key === metaKey);
  const meta = metaEntry && decodeMeta(metaEntry.value);
  for (const [name, stored] of meta?.layouts ?? []) {
    const clock = clocks.get(name);
    if (clock && stateLayout(clock.type) !== stored)
      throw new UserError(
        `Machine type "${name}" has changed while steps of it are open. The stored state has ${stored}; ` +
          `the configuration has ${stateLayout(clock.type)}. Put it back, or give the changed type a new name.`,
      );
  }
  const machines = new Map<string, MachineState>();
  const forgottenKeys: string[] = [];
  for (const { key, value } of all) {
    if (!key.startsWith(machinePrefix)) continue;
    const id = key.slice(machinePrefix.length);
    const machine = MachineState.decode(id, value, clocks);
    if (machine) machines.set(id, machine);
    else forgottenKeys.push(key);
  }
  for (const { key, value } of all) {
    if (!key.startsWith(stepPrefix)) continue;
    const machine = machines.get(key.slice(key.indexOf('|', stepPrefix.length) + 1));
    if (machine) machine.steps.push(StepState.decode(value, machine.clock.type.sensors.length));
    else forgottenKeys.push(key);
  }
  for (const machine of machines.values()) machine.steps.sort((a, b) => a.startMs - b.startMs);
  return { meta, machines, forgottenKeys };
}

/** What a partition's state says of the records before `nextOffset`; one entry, so all of it is of one moment. */
export interface PartitionAccount {
  /** First offset of topic `inputs` that is not counted. */
  readonly nextOffset: number;
  readonly readings: Ledger;
  readonly events: Ledger;
}

/** The state entries that `readAccount` needs are those whose key begins with this. */
export const accountKeyPrefix = metaKey;

/** The account in the state entries of one partition; undefined before its first checkpoint. */
export function readAccount(entries: Iterable<Entry>): PartitionAccount | undefined {
  for (const { key, value } of entries) {
    if (key !== metaKey) continue;
    const { nextOffset, ledger, eventLedger } = decodeMeta(value);
    return { nextOffset, readings: ledger, events: eventLedger };
  }
  return undefined;
}

export function sumLedgers(ledgers: Iterable<Ledger>): Ledger {
  let sum = emptyLedger;
  for (const ledger of ledgers) sum = addLedgers(sum, ledger);
  return sum;
}
