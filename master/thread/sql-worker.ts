/** Entry of the SQL worker: the engine behind messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { type Engine, openEngine } from '../engine/engine.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './sql-messages.ts';

const port = parentPort!;
const send = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

const engine = await openEngine(workerData as WorkerOptions, {
  now: Date.now,
  onState: (state) => send({ type: 'state', state }),
  report: (event, fields) => send({ type: 'report', event, fields }),
}).catch((error: unknown) => {
  // Between threads an error loses its class, and with it that its message is meant for people.
  if (error instanceof KamaitachiError) send({ type: 'refused', message: error.message });
  throw error;
});

port.on('message', async (message: ToWorker) => {
  const { id } = message;
  try {
    const answer = await work(engine, message);
    // A page is ours alone: moving it saves a copy.
    const transfer = answer instanceof Uint8Array ? [answer.buffer as ArrayBuffer] : [];
    send({ type: 'answer', id, answer }, transfer);
  } catch (error) {
    if (error instanceof KamaitachiError) {
      const { code, message, retryAfterSeconds } = error;
      send({ type: 'failed', id, code, message, retryAfterSeconds });
    } else
      send({
        type: 'failed',
        id,
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
  }
  if (message.call === 'close') port.close();
});
send({ type: 'opened' });

function work(engine: Engine, message: ToWorker): Promise<unknown> {
  switch (message.call) {
    case 'ingest':
      return engine.ingest(message.request);
    case 'tail':
      return engine.tail(message.request);
    case 'fill':
      return engine.fill(message.request);
    case 'isOurs':
      return engine.isOurs();
    case 'sums':
      return engine.sums(message.request);
    case 'mend':
      return engine.mend(message.request);
    case 'close':
      return engine.close();
  }
}
