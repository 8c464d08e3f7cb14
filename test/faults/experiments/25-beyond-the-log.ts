import { call, eventually, ingest } from '../../support/cluster.ts';
import { isBack, isFreshEverywhere, underReads } from '../scene.ts';
import { Writer } from '../writer.ts';

const LOG_BYTES = 256 * 1024;
const FILL_LINES = 4_000;

/** A slave comes back over its old file, and the log does not reach back to where that stands. */
export const beyondTheLog = underReads({
  number: 25,
  name: 'a slave away until the log is cut past it, then back over its old file (`--log-keep-bytes` small)',
  isQuick: true,
  cluster: { logKeepBytes: LOG_BYTES },
  async fault({ cluster, strike, recovered, note, breach }) {
    const writer = new Writer(() => cluster.gateway.url);
    const slave = cluster.slaves.get('slave-1')!;
    await eventually('some writes', () => writer.acknowledged > 20);
    const left = await statusOf(slave.url);
    strike('slave-1 is killed, and stays away');
    await slave.stop('SIGKILL');
    await eventually('the log is cut past it', async () => {
      await ingest(cluster.gateway.url, filling());
      return ((await statusOf(cluster.master.url)).floor as number) > (left.seq as number);
    });
    const { floor } = await statusOf(cluster.master.url);
    strike('slave-1 starts over its old file');
    await slave.start();
    await recovered('it is ready', () => isBack(slave, undefined));
    await writer.stop();
    // It says what it finds in its file first, and learns from the master that this is of no use any more.
    await recovered('everybody is fresh', () => isFreshEverywhere(cluster.gateway.url, writer.seq));
    await eventually('it holds all again', async () => (await writer.differences(slave.url)).length === 0);
    for (const one of cluster.slaves.values())
      for (const difference of await writer.differences(one.url)) breach(`${one.name}: ${difference}`);
    note(`it stood at seq ${left.seq}, the log began after ${floor}`);
  },
});

/** Lines enough to push others out of the log. */
function filling(): string {
  return Array.from({ length: FILL_LINES }, (_, i) =>
    JSON.stringify({ type: 'record', subject: `filling:${i % 100}`, time: i, values: { filling: i } }),
  ).join('\n');
}

async function statusOf(url: string): Promise<Record<string, unknown>> {
  return (await call(`${url}/monitor/status`)).body.data as Record<string, unknown>;
}
