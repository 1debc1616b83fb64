/** The thread that onnxruntime blocks, so that the event loop never waits for a network. One request at a time. */
import { parentPort } from 'node:worker_threads';
import type { InferenceSession } from 'onnxruntime-node';
import type { TensorValues } from '../../model/ports.js';
import type { EngineReply, EngineRequest } from './protocol.js';
import { openSession, runSession } from './session.js';

const port = parentPort;
if (!port) throw new Error('this file runs as a worker thread');

const sessions = new Map<number, InferenceSession>();
let queue = Promise.resolve();

port.on('message', (request: EngineRequest) => {
  queue = queue.then(async () => {
    try {
      const values = await answer(request);
      const buffers = Object.values(values).map(({ data }) => data.buffer as ArrayBuffer);
      port.postMessage({ id: request.id, values } satisfies EngineReply, [...new Set(buffers)]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      port.postMessage({ id: request.id, error: reason } satisfies EngineReply);
    }
  });
});

async function answer(request: EngineRequest): Promise<TensorValues> {
  const session = sessions.get(request.graph);
  switch (request.ask) {
    case 'load':
      sessions.set(request.graph, await openSession(request.bytes));
      return {};
    case 'run':
      if (!session) throw new Error('the graph is closed');
      return runSession(session, request.feeds);
    case 'close':
      sessions.delete(request.graph);
      await session?.release();
      return {};
  }
}
