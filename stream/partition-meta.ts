/** The state entry of a partition as a whole: how far it has read, what time it is, what it has counted. */
import type { Buffer } from 'node:buffer';
import { ByteReader, ByteWriter } from './bytes.js';
import type { Ledger } from './ledger.js';

export interface PartitionMeta {
  /** First offset of topic `inputs` not yet included. */
  readonly nextOffset: number;
  /** -Infinity before the first record. */
  readonly watermarkMs: number;
  /** Time of the newest tick; -Infinity before the first. */
  readonly tickMs: number;
  /** Of readings. */
  readonly ledger: Ledger;
  readonly eventLedger: Ledger;
  /** Per machine type what its state depends on, see `stateLayout`. */
  readonly layouts: ReadonlyMap<string, string>;
}

export function encodeMeta(meta: PartitionMeta): Buffer {
  const writer = new ByteWriter();
  writer.integer(meta.nextOffset);
  writer.double(meta.watermarkMs);
  writer.double(meta.tickMs);
  encodeLedger(writer, meta.ledger);
  encodeLedger(writer, meta.eventLedger);
  writer.integer(meta.layouts.size);
  for (const [type, layout] of meta.layouts) {
    writer.text(type);
    writer.text(layout);
  }
  return writer.finish();
}

export function decodeMeta(entry: Buffer): PartitionMeta {
  const reader = new ByteReader(entry);
  const meta = {
    nextOffset: reader.integer(),
    watermarkMs: reader.double(),
    tickMs: reader.double(),
    ledger: decodeLedger(reader),
    eventLedger: decodeLedger(reader),
    layouts: new Map<string, string>(),
  };
  for (let left = reader.integer(); left > 0; left--) meta.layouts.set(reader.text(), reader.text());
  return meta;
}

function encodeLedger(writer: ByteWriter, ledger: Ledger): void {
  writer.integer(ledger.accepted);
  writer.integer(ledger.duplicate);
  writer.integer(ledger.late);
  writer.integer(ledger.rejected);
}

function decodeLedger(reader: ByteReader): Ledger {
  return {
    accepted: reader.integer(),
    duplicate: reader.integer(),
    late: reader.integer(),
    rejected: reader.integer(),
  };
}
