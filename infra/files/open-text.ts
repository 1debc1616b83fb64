/** Opens data files, plain or compressed with gzip. */
import type { Buffer } from 'node:buffer';
import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { UserError, WorldError } from '../../domain/errors.js';

/** `file` if it is there, else `file.gz`; a UserError that names both if neither is. */
export function findDataFile(file: string): string {
  for (const candidate of [file, `${file}.gz`]) if (existsSync(candidate)) return candidate;
  throw new UserError(`there is neither ${file} nor ${file}.gz; check the folder and the name`);
}

/** Bytes of the file, unpacked if its name ends in .gz. Errors arrive on the stream as UserError or WorldError. */
export function openData(file: string): Readable {
  return Readable.from(chunks(file), { objectMode: false });
}

async function* chunks(file: string): AsyncGenerator<Buffer> {
  const source = createReadStream(file);
  // `compose` would lose the file name of the error; a plain pipe needs its errors carried over by hand.
  const unpacked = file.endsWith('.gz') ? source.pipe(createGunzip()) : source;
  if (unpacked !== source) source.once('error', (error) => unpacked.destroy(error));
  try {
    for await (const chunk of unpacked) yield chunk as Buffer;
  } catch (error) {
    throw classify(file, error);
  } finally {
    source.destroy();
    unpacked.destroy();
  }
}

/** Lines without their ends; a byte order mark is taken off. */
export async function* readLines(file: string): AsyncGenerator<string> {
  const stream = openData(file);
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  // readline swallows errors of its input on some Node versions: they are kept and thrown here.
  let failure: unknown;
  stream.once('error', (error) => {
    failure = error;
    lines.close();
  });
  try {
    let first = true;
    for await (const line of lines) {
      yield first && line.startsWith('\uFEFF') ? line.slice(1) : line;
      first = false;
    }
    if (failure !== undefined) throw failure;
  } finally {
    lines.close();
    stream.destroy();
  }
}

function classify(file: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return new UserError(`there is no file ${file}; check the path`, { cause: error });
  if (code === 'EISDIR') return new UserError(`${file} is a folder; name a file in it`, { cause: error });
  if (code === 'EACCES')
    return new UserError(`${file} may not be read; check its permissions`, { cause: error });
  if (code.startsWith('Z_'))
    return new UserError(
      `${file} is not a whole gzip file; copy it again, or unpack it and name the unpacked file`,
      {
        cause: error,
      },
    );
  return new WorldError('corrupt', `cannot read ${file}: ${String(error)}`, {
    retryable: false,
    cause: error,
  });
}
