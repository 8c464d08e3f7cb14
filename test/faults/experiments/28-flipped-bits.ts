import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import type { Random } from '../../../bench/cluster/random.ts';
import { call, eventually, ingest, post } from '../../support/cluster.ts';
import { firstDifference } from '../../support/difference.ts';
import { times } from '../experiment.ts';
import { isFreshEverywhere, type Scene, underReads } from '../scene.ts';

const PAGE_BYTES = 16_384;
const MASTER_PAGE_BYTES = 4_096;
const BACK_MS = 60_000;

/** Single bits of both files flip, half of them in the heads of pages: nothing wrong is answered, and all of it comes back. */
export const flippedBits = underReads({
  number: 28,
  name: "flipped bits in a slave's file and in the master's, half of them in the heads of pages",
  async fault(scene) {
    const rounds = times(scene.stage, 12, 2);
    for (let round = 0; round < rounds; round++) {
      await flipInSlave(scene);
      await flipInMaster(scene);
    }
  },
});

async function flipInSlave(scene: Scene): Promise<void> {
  const { cluster, running, seq, strike, recovered, breach, stage } = scene;
  const slave = cluster.slaves.get('slave-1')!;
  const file = join(running.dataDir, 'slave-1', 'slave.db');
  await slave.stop('SIGKILL');
  const at = flip(file, PAGE_BYTES, stage.random);
  strike(`slave-1: ${at}`);
  await slave.start();
  await recovered('it is back', () => isFreshEverywhere(cluster.gateway.url, seq), BACK_MS);
  // Cold: what it says comes from the file.
  await call(`${slave.url}/kamaitachi/api/data/v1/cache/reset?clear=true`, { method: 'POST' });
  const wrong = await wrongOnes(scene, slave.url);
  if (wrong > 0) breach(`slave-1, ${at}: ${wrong} answers are wrong`);
}

async function flipInMaster(scene: Scene): Promise<void> {
  const { cluster, running, strike, recovered, breach, note, stage } = scene;
  const { master, gateway } = cluster;
  await master.stop('SIGKILL');
  const at = flip(join(running.dataDir, 'master', 'kamaitachi.db'), MASTER_PAGE_BYTES, stage.random);
  strike(`master: ${at}`);
  await master.start();
  // It serves, or says that its file cannot be used: it never goes on as if nothing were wrong.
  await eventually('it serves or says why not', async () => {
    const answer = await fetch(`${master.url}/ready`);
    return answer.ok || /restore/.test(await answer.text());
  });
  if (!(await fetch(`${master.url}/ready`)).ok) {
    note(`master, ${at}: refused`);
    await master.stop('SIGKILL');
    flipBack();
    await master.start();
    await running.ready();
    return;
  }
  const seq = await ingest(
    gateway.url,
    JSON.stringify({ type: 'record', subject: 'bits', time: 1, values: { fz: 1 } }),
  );
  await recovered('slaves follow', () => isFreshEverywhere(gateway.url, seq), BACK_MS);
  const wrong = await wrongOnes(scene, gateway.url);
  if (wrong > 0) breach(`master, ${at}: ${wrong} answers are wrong`);
}

let flipBack = () => {};

/** Flips one bit of the file, with all of its log in it; says where. */
function flip(path: string, pageBytes: number, random: Random): string {
  const database = new Database(path);
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  const file = openSync(path, 'r+');
  const { size } = fstatSync(file);
  const inHead = random() < 0.5;
  const page = whole(random, 1, Math.max(2, Math.floor(size / pageBytes)) - 1) * pageBytes;
  const at = inHead ? page + whole(random, 0, 127) : whole(random, 100, size - 1);
  const bit = 1 << whole(random, 0, 7);
  const turn = (handle: number) => {
    const byte = Buffer.alloc(1);
    readSync(handle, byte, 0, 1, at);
    byte[0] ^= bit;
    writeSync(handle, byte, 0, 1, at);
  };
  turn(file);
  closeSync(file);
  flipBack = () => {
    const again = openSync(path, 'r+');
    turn(again);
    closeSync(again);
  };
  return `bit ${bit} of byte ${at}${inHead ? ', in the head of a page' : ''}`;
}

/** A whole number, both ends among them. */
function whole(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

async function wrongOnes({ queries }: Scene, url: string): Promise<number> {
  let wrong = 0;
  for (const { path, body, data } of queries) {
    const answer = await post(url + path, JSON.parse(body));
    if (answer.status === 200 && firstDifference(data, answer.body.data, 'data') !== undefined) wrong++;
  }
  return wrong;
}
