/** Entry of the follower's thread: opens the writing connection and wires the follower to the master and the main thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase } from './database.ts';
import { createFollower } from './follower.ts';
import type { FollowerOptions, FromFollower, ToFollower } from './follower-messages.ts';
import { createStoreWriter } from './store-writer.ts';

/** A fill may wait for the master to fold first. */
const REQUEST_TIMEOUT_MS = 30_000;

const { node, databasePath, masterUrl } = workerData as FollowerOptions;
const port = parentPort!;
const database = openDatabase(databasePath);
let wake = () => {};

const follower = createFollower(node, createStoreWriter(database), {
  async ask(path, body) {
    const response = await fetch(new URL(path, masterUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    if (!response.ok)
      throw new Error(`master answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
    return new Uint8Array(await response.arrayBuffer());
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
  follower.receive(message);
  wake();
});
await follower.run();
database.close();
port.close();
