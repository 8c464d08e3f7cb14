import { connect, type Socket } from 'node:net';
import { residentBytes } from '../../../bench/cluster/processes.ts';
import type { Part } from '../../../cli/start/part.ts';
import { ANSWER_BUDGET_BYTES, MAX_ANSWER_WRITE_MS } from '../../../shared/base/limits.ts';
import { call, eventually, ingest, inParallel } from '../../support/cluster.ts';
import { times } from '../experiment.ts';
import { largeWrites } from '../large-writes.ts';
import { type Scene, underReads } from '../scene.ts';

const SUBJECTS = 10_000;
const INDICATORS = 64;
const AT_ONCE = 50;
const LOOK_MS = 50;
const MIB = 1024 ** 2;
/** As the operations guide says: V8 collects what it no longer needs only when that is several times what it does need. */
const GATEWAY_MOST_BYTES = 1_024 * MIB;
/** Its cache (512 MiB by default) twice over, as the operations guide says. */
const SLAVE_MOST_BYTES = 1_536 * MIB;
/** Clients that do not read: their answers are more than a gateway has room for. */
const SILENT = 24;
const PATH = '/kamaitachi/api/data/v1/snapshot';

/** The largest requests that are allowed, many at once: slow, but bounded, and right. */
export const hugeRequests = underReads({
  number: 19,
  name: `writes of 16 MiB; ${SUBJECTS.toLocaleString('en-US')} subjects × ${INDICATORS} indicators, ${AT_ONCE} requests at once`,
  isLaw: false,
  gateways: 2,
  async fault(scene) {
    const { cluster, gateways, stage, strike, note, breach } = scene;
    const names = Array.from({ length: INDICATORS }, (_, i) => `h${i}`);
    const body = JSON.stringify({ ids: names, subjects: subjects(), limit: SUBJECTS });
    const peak = new Map<string, number>();
    const look = () => {
      for (const part of [...gateways, ...cluster.slaves.values()])
        peak.set(part.name, Math.max(peak.get(part.name) ?? 0, residentBytes(part.pid ?? 0)));
    };
    look();
    const before = new Map(peak);
    const timer = setInterval(look, LOOK_MS);
    await largeWrites(scene);
    const afterWrites = new Map(peak);
    const seq = await load(scene);
    const statuses: Record<number, number> = {};
    let bytes = 0;
    strike('huge requests');
    await inParallel([...Array(times(stage, 200, AT_ONCE)).keys()], AT_ONCE, async () => {
      const answer = await fetch(`${cluster.gateway.url}${PATH}`, {
        method: 'POST',
        body,
        headers: { 'x-kamaitachi-timeout-ms': '30000', 'x-kamaitachi-min-seq': String(seq) },
      });
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      const text = await answer.text();
      bytes = Math.max(bytes, text.length);
      if (answer.status === 200) {
        const rows = text.split('"subject":{').length - 1;
        if (rows !== SUBJECTS) breach(`expected ${SUBJECTS} rows, got ${rows}`);
      } else if (answer.status !== 503 && answer.status !== 504)
        breach(`${answer.status} ${text.slice(0, 200)}`);
    });
    await silentClients(scene, body);
    clearInterval(timer);
    for (const [name, most] of peak) {
      note(`${name} ${mib(before.get(name)!)} → ${mib(afterWrites.get(name)!)} → ${mib(most)}`);
      const bound = name.startsWith('gateway') ? GATEWAY_MOST_BYTES : SLAVE_MOST_BYTES;
      if (most > bound) breach(`${name}: expected at most ${mib(bound)}, got ${mib(most)}`);
    }
    note(
      `answers of ${mib(bytes)}: ${Object.entries(statuses)
        .map(([status, count]) => `${count} × ${status}`)
        .join(', ')}`,
    );
    const { body: health } = await call(`${cluster.gateway.url}/monitor/status`);
    if (health.status_code !== 0) breach('the gateway is not well');
  },
});

/** Clients that go away in the middle of their answers, then some that stay and read nothing: others get theirs all the same. */
async function silentClients({ gateways, strike, recovered, note }: Scene, body: string): Promise<void> {
  const isFree = async () => (await Promise.all(gateways.map(roomUsed))).every((bytes) => bytes === 0);
  strike('clients that go away');
  for (const socket of await askAndStall(gateways, body)) socket.destroy();
  await recovered('their room is free', isFree);
  strike('clients that read nothing');
  const sockets = await askAndStall(gateways, body);
  const waited = await Promise.all(gateways.map((gateway) => answeredBeside(gateway, body)));
  await recovered('their room is free', isFree, 2 * MAX_ANSWER_WRITE_MS);
  for (const socket of sockets) socket.destroy();
  note(`beside ${SILENT} clients that read nothing others were answered after ${waited.join(' and ')} s`);
}

/** Seconds until a client that does read is answered. */
async function answeredBeside({ url }: Part, body: string): Promise<string> {
  const askedAt = performance.now();
  await eventually(
    'another client is answered',
    async () => {
      const headers = { 'x-kamaitachi-timeout-ms': '30000' };
      const answer = await fetch(`${url}${PATH}`, { method: 'POST', body, headers });
      await answer.text();
      return answer.status === 200;
    },
    3 * MAX_ANSWER_WRITE_MS,
  );
  return ((performance.now() - askedAt) / 1000).toFixed(1);
}

/** Each has asked, and has the beginning of its answer or waits for it. */
async function askAndStall(gateways: readonly Part[], body: string): Promise<Socket[]> {
  const sockets = gateways.flatMap(({ url }) =>
    Array.from({ length: SILENT }, () => {
      const { hostname, port } = new URL(url);
      const socket = connect({ host: hostname, port: Number(port) });
      // It is the gateway that ends it.
      socket.on('error', () => {});
      socket.write(
        `POST ${PATH} HTTP/1.1\r\nhost: ${hostname}\r\nx-kamaitachi-timeout-ms: 30000\r\n` +
          `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
      return socket;
    }),
  );
  await eventually('the room is taken', async () =>
    (await Promise.all(gateways.map(roomUsed))).every((bytes) => bytes > ANSWER_BUDGET_BYTES / 2),
  );
  return sockets;
}

async function roomUsed({ url }: Part): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^kamaitachi_gateway_answer_budget_used_bytes (\d+)$/m.exec(text)?.[1]);
}

async function load({ cluster }: Scene): Promise<number> {
  const all = subjects();
  let seq = 0;
  for (let from = 0; from < all.length; from += 1_000) {
    const lines = all.slice(from, from + 1_000).map((subject, i) => {
      const values = Object.fromEntries(
        Array.from({ length: INDICATORS }, (_, at) => [`h${at}`, (from + i) * 100 + at]),
      );
      return JSON.stringify({ type: 'record', subject, time: 1_700_000_000, values });
    });
    // A slave that falls behind slows writers down.
    await eventually('written', async () => {
      seq = await ingest(cluster.gateway.url, lines.join('\n'));
      return true;
    });
  }
  return seq;
}

function subjects(): string[] {
  return Array.from({ length: SUBJECTS }, (_, i) => `huge:${i}`);
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
