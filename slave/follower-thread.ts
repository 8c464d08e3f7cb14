/** Entry of the follower's thread: opens the writing connection and wires the follower to the master and the main thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { createNodePeerFetch } from '../shared/adapter/node-peers.ts';
import { openDatabase } from './database.ts';
import { createFollower } from './follower.ts';
import type { FollowerOptions, FromFollower, ToFollower } from './follower-messages.ts';
import { createStoreWriter } from './store-writer.ts';

/** A fill may wait for the master to fold first. */
const REQUEST_TIMEOUT_MS = 30_000;

const { node, databasePath, ...options } = workerData as FollowerOptions;
let { masterUrl } = options;
const fetchFrom = createNodePeerFetch(options.access);
const port = parentPort!;
const database = openDatabase(databasePath);
let wake = () => {};
let request = new AbortController();

const follower = createFollower(node, createStoreWriter(database), {
  async ask(path, body) {
    request = new AbortController();
    const late = setTimeout(() => request.abort(new Error('the master took too long')), REQUEST_TIMEOUT_MS);
    try {
      const response = await fetchFrom(new URL(path, masterUrl), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: request.signal,
      });
      if (!response.ok)
        throw new Error(`master answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
      return new Uint8Array(await response.arrayBuffer());
    } finally {
      clearTimeout(late);
    }
  },
  send: (message: FromFollower) => port.postMessage(message),
  now: Date.now,
  pause: (ms) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    }),
});

port.on('message', (message: ToFollower) => {
  if (message.type === 'master') {
    // The one before may stand still, and with it what it was asked.
    if (message.url !== masterUrl) request.abort(new Error('another master is asked now'));
    masterUrl = message.url;
  } else follower.receive(message);
  if (message.type === 'stop') request.abort();
  wake();
});
await follower.run();
database.close();
port.close();
