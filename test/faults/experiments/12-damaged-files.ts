import { closeSync, existsSync, fstatSync, openSync, readSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { call, eventually, post } from '../../support/cluster.ts';
import { firstDifference } from '../../support/difference.ts';
import { isFreshEverywhere, type Scene, underReads } from '../scene.ts';

const PAGE_BYTES = 4096;
const BACK_MS = 30_000;

/** A slave's file is damaged while it is down: it must not answer wrongly, and has to find back by itself. */
export const damagedFiles = underReads({
  number: 12,
  name: "a slave's file with garbage for a header, with its write-ahead log cut, with a flipped page",
  async fault(scene) {
    await damaged(scene, 'garbage for a header', (file) => overwrite(file, 0, Buffer.alloc(100, 0x5a)));
    await damaged(scene, 'the write-ahead log cut', (file) => {
      if (existsSync(`${file}-wal`)) truncateSync(`${file}-wal`, 1_000);
    });
    await damaged(scene, 'a flipped page', flip);
  },
});

async function damaged(
  { cluster, running, queries, seq, strike, recovered, breach, stage }: Scene,
  what: string,
  damage: (file: string) => void,
): Promise<void> {
  const slave = cluster.slaves.get('slave-1')!;
  strike(`slave-1 killed; ${what}`);
  await slave.stop('SIGKILL');
  damage(join(running.dataDir, 'slave-1', 'slave.db'));
  try {
    await slave.start();
    await recovered('it is back', () => isFreshEverywhere(cluster.gateway.url, seq), BACK_MS);
  } catch (error) {
    breach(`${what}: ${String(error).split('\n').slice(0, 3).join(' ')}`);
    if (!slave.isUp) await slave.stop('SIGKILL');
    await eventually('it is down', () => !slave.isUp);
    stage.say(`${what}: it does not come back by itself`);
    return;
  }
  // Cold: what it says comes from the file.
  await call(`${slave.url}/kamaitachi/api/data/v1/cache/reset?clear=true`, { method: 'POST' });
  let wrong = 0;
  let refused = 0;
  for (const { path, body, data } of queries) {
    const answer = await post(slave.url + path, JSON.parse(body));
    if (answer.status !== 200) refused++;
    else if (firstDifference(data, answer.body.data, 'data') !== undefined) wrong++;
  }
  if (wrong > 0) breach(`${what}: ${wrong} of ${queries.length} answers of slave-1 alone are wrong`);
  stage.say(`${what}: ${wrong} wrong, ${refused} refused of ${queries.length}`);
}

/** Turns over every bit of the page in the middle. */
function flip(file: string): void {
  const handle = openSync(file, 'r+');
  const at = Math.floor(fstatSync(handle).size / PAGE_BYTES / 2) * PAGE_BYTES;
  const page = Buffer.alloc(PAGE_BYTES);
  readSync(handle, page, 0, PAGE_BYTES, at);
  for (let i = 0; i < page.length; i++) page[i] ^= 0xff;
  writeSync(handle, page, 0, PAGE_BYTES, at);
  closeSync(handle);
}

function overwrite(file: string, at: number, bytes: Buffer): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.length, at);
  closeSync(handle);
}
