/** Entry of the follower's thread: opens the writing connection and wires the follower to the master and the main thread. */
import { randomUUID } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { createNodePeerFetch } from '../../shared/adapter/node-peers.ts';
import { FOLLOWING, lowerThread } from '../../shared/adapter/priority.ts';
import { isFileDamage } from '../../shared/data/damage.ts';
import { SLOTS } from '../../shared/ownership/slot.ts';
import { CachedFilter } from '../cache/cached-filter.ts';
import { openDatabase } from '../store/database.ts';
import { countCommits } from '../store/mark.ts';
import { createStoreWriter } from '../store/writer.ts';
import { createAskMaster } from './ask-master.ts';
import { clockOffset } from './clock.ts';
import { createFillPace } from './fill-pace.ts';
import { Follower, type FollowerPorts } from './follower.ts';
import type { FollowerOptions, FromFollower, ToFollower } from './messages.ts';
import { createVerifier } from './verifier.ts';

const { node, databasePath, markPath, cached, verifyEveryMs, fillBytesPerSecond, clockOffsetMs, ...options } =
  workerData as FollowerOptions;
const ownOffsetMs = clockOffset();
let { masterUrl } = options;
// Answers are the main thread's.
lowerThread(FOLLOWING);
const master = createAskMaster({
  fetch: createNodePeerFetch(options.access),
  master: () => masterUrl,
  newId: randomUUID,
});
const port = parentPort!;
const send = (message: FromFollower) => port.postMessage(message);
const filter = new CachedFilter(cached);
let wake = () => {};

const ports: FollowerPorts = {
  ask: master.ask,
  send,
  mayBeCached: (subject) => filter.mayHave(subject),
  now: Date.now,
  clock: () => performance.now() + ownOffsetMs - clockOffsetMs,
  pause: (ms) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    }),
};

try {
  await follow();
} catch (error) {
  if (!isFileDamage(error)) throw error;
  send({ type: 'unusable', why: error.message });
}
port.close();

async function follow(): Promise<void> {
  const database = countCommits(openDatabase(databasePath), markPath);
  try {
    // Where a round begins is left to chance: a slave that is often started again gets everywhere all the same.
    const first = Math.floor(Math.random() * SLOTS);
    const clock = () => performance.now();
    const verifier = createVerifier(verifyEveryMs, clock, first);
    const pace = createFillPace(fillBytesPerSecond, clock);
    const follower = new Follower(node, createStoreWriter(database), ports, { verifier, pace });
    port.on('message', (message: ToFollower) => {
      if (message.type === 'master') {
        // The one before may stand still, and with it what it was asked.
        if (message.url !== masterUrl) master.giveUp(new Error('another master is asked now'));
        masterUrl = message.url;
      } else follower.receive(message);
      if (message.type === 'stop') master.giveUp();
      // It goes on where it waits for that, and only there.
      if (message.type !== 'taken') wake();
    });
    await follower.run();
  } finally {
    database.close();
  }
}
