/** The thread's side of a ThreadEngine: answers one request at a time, in order. */
import { parentPort } from 'node:worker_threads';
import type { Engine, LoadedGraph, TensorValues } from '../../model/ports.js';
import type { EngineReply, EngineRequest } from './protocol.js';

/** Serves with what may block the thread it is on. */
export function serve(load: Engine['load']): void {
  const port = parentPort;
  if (!port) throw new Error('this runs in a worker thread');
  const graphs = new Map<number, LoadedGraph>();

  const answer = async (request: EngineRequest): Promise<TensorValues> => {
    const graph = graphs.get(request.graph);
    switch (request.ask) {
      case 'load':
        graphs.set(request.graph, await load(request.bytes));
        return {};
      case 'run':
        if (!graph) throw new Error('the graph is closed');
        return graph.run(request.feeds);
      case 'close':
        graphs.delete(request.graph);
        await graph?.close();
        return {};
    }
  };

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
}
