import type { IncomingMessage } from 'node:http';

/** Undefined where the sender has gone before the end. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  // 'close' follows.
  request.on('error', () => {});
  await new Promise((resolve) => request.once('close', resolve));
  return request.complete ? Buffer.concat(chunks) : undefined;
}
