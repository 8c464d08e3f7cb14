/** A whole cluster that finds itself through etcd, with the etcd that the launcher starts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, eventually, ingest, post, startCluster, type TestCluster } from './support/cluster.ts';
import { hasEtcd } from './support/etcd.ts';

const RECORD =
  '{"type":"record","subject":"a:1","time":1,"declared":0,"values":{"eps":2}}\n' +
  '{"type":"record","subject":"a:2","time":1,"declared":0,"values":{"eps":3}}\n';

describe.runIf(hasEtcd('the tests of a cluster with etcd'))('a cluster with etcd', () => {
  let running: TestCluster;
  let seq: number;

  beforeAll(async () => {
    running = await startCluster({ discovery: 'etcd', etcd: ['http://127.0.0.1:0'], runtime: 'deno' });
    seq = await ingest(running.cluster.gateway.url, RECORD);
  }, 120_000);

  afterAll(() => running?.stop());

  test('answers, goes on answering while etcd dies and comes back, and then takes in a new slave', async () => {
    const { cluster } = running;
    expect(await values()).toEqual([3, 2]);
    let asked = 0;
    let stop = false;
    const reading = (async () => {
      for (; !stop; asked++) expect(await values()).toEqual([3, 2]);
    })();
    const { pid } = cluster.etcd!;
    cluster.etcd!.signal('SIGKILL');
    await eventually('etcd was started again', () => cluster.etcd!.isUp && cluster.etcd!.pid !== pid);
    const added = await cluster.addSlave();
    await running.ready();
    const known = (await call(`${cluster.gateway.url}/health`)).body as unknown as { nodes: string[] };
    expect(known.nodes).toContain(added.address);
    stop = true;
    await reading;
    expect(asked).toBeGreaterThan(0);
  }, 60_000);

  test('forgets a slave that said good-bye', async () => {
    const { cluster } = running;
    await cluster.removeSlave('slave-1');
    await running.ready();
    expect(await values()).toEqual([3, 2]);
  }, 60_000);

  async function values(): Promise<unknown[]> {
    const query = { ids: 'eps', subjects: 'a:1,a:2' };
    const url = `${running.cluster.gateway.url}/kamaitachi/api/data/v1/snapshot`;
    const { body } = await post(url, query, { 'x-kamaitachi-min-seq': String(seq) });
    return (body.data as { data: { eps: number } }[]).map(({ data }) => data.eps);
  }
});
