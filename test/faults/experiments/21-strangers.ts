import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Part } from '../../../cli/start/part.ts';
import { createNodeDial } from '../../../gateway/adapter/node-dialer.ts';
import { startCluster } from '../../support/cluster.ts';
import { INTERNAL } from '../../support/internal-paths.ts';
import { seconds } from '../experiment.ts';
import { type Scene, underReads } from '../scene.ts';
import { restart } from './22-rolling-restart.ts';

const OLD = `old-${'o'.repeat(32)}`;
const NEW = `new-${'n'.repeat(32)}`;
/** What strangers show, and who was let in before the token was changed. */
const SHOWN: readonly Record<string, string>[] = [
  {},
  { authorization: `Bearer ${OLD}` },
  { authorization: `Bearer ${NEW}x` },
  { authorization: `Bearer ${NEW.slice(0, -1)}x` },
  { authorization: `Basic ${NEW}` },
  { authorization: 'Bearer ' },
  { 'x-api-key': NEW },
];
const AT_ONCE = 8;
let tokenFile: string;

/** The token is rotated while everything runs; then strangers knock at every door of master and slaves. */
export const strangers = underReads({
  number: 21,
  name: 'the cluster token rotated under load; internal paths and links without, with a wrong, with the old one',
  gateways: 2,
  async start(given) {
    const dir = mkdtempSync(join(tmpdir(), 'kamaitachi-token-'));
    tokenFile = join(dir, 'token');
    writeFileSync(tokenFile, `${OLD}\n`);
    const running = await startCluster({ ...given, clusterTokenFile: tokenFile });
    return {
      ...running,
      async stop() {
        await running.stop();
        rmSync(dir, { recursive: true, force: true });
      },
    };
  },
  async fault(scene) {
    const { cluster, gateways, running, stage, strike, note, breach } = scene;
    const inner = [cluster.master, ...cluster.slaves.values()];
    for (const tokens of [[OLD, NEW], [NEW, OLD], [NEW]]) {
      writeFileSync(tokenFile, `${tokens.join('\n')}\n`);
      for (const part of [...cluster.slaves.values(), cluster.master, ...gateways])
        await restart(scene, part);
    }
    strike('strangers');
    let isOver = false;
    const knocking = Array.from({ length: AT_ONCE }, async () => {
      let refused = 0;
      while (!isOver) for (const part of inner) refused += await knock(scene, part);
      return refused;
    });
    await seconds(stage, 15, 2);
    isOver = true;
    const refused = (await Promise.all(knocking)).reduce((sum, count) => sum + count);
    for (const part of inner) {
      const status = await ask(part, 'GET', '/monitor/status', { authorization: `Bearer ${NEW}` });
      if (status.status !== 200)
        breach(`${part.name}: expected 200 for the right token, got ${status.status}`);
    }
    const secrets = running.log.filter((line) => /o{32}|n{32}/.test(line));
    if (secrets.length > 0) breach(`${secrets.length} lines of the log hold a token`);
    note(`${refused.toLocaleString('en-US')} requests and links refused, none told anything`);
  },
});

/** Every door once with everything that is shown; how often it was refused. */
async function knock({ breach }: Scene, part: Part): Promise<number> {
  const isMaster = part.name === 'master';
  let refused = 0;
  for (const headers of SHOWN) {
    const told = new Set<string>();
    for (const [method, path] of INTERNAL[isMaster ? 'master' : 'slave']) {
      const { status, text } = await ask(part, method, path, headers);
      if (status !== 401) breach(`${part.name} ${method} ${path}: expected 401, got ${status}`);
      told.add(text);
      refused++;
    }
    // The same words at every door: also where there is none.
    const [text] = told;
    if (told.size !== 1 || !text.includes('"data":null') || /o{32}|n{32}|fault:/.test(text))
      breach(`${part.name} told strangers ${[...told].join(' ')}`);
  }
  if (!isMaster)
    for (const token of [undefined, OLD, `${NEW}x`]) {
      const opened = await createNodeDial({ token, ca: undefined })(
        part.address,
        {
          onData: (data) => breach(`${part.name} said ${data.length} bytes over a link`),
          onClose: () => {},
        },
        5_000,
      ).then(
        (connection) => {
          connection.close();
          return true;
        },
        () => false,
      );
      if (opened) breach(`${part.name}: a link was opened with ${token ?? 'no token'}`);
      refused++;
    }
  return refused;
}

/** By hand: what may be said in a header is not for `fetch` to judge. */
function ask(
  { url }: Part,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (some: string) => {
        text += some;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}
