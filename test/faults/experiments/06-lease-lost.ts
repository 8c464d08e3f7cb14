import { startCluster } from '../../support/cluster.ts';
import { TestEtcd } from '../../support/etcd.ts';
import { revokeAll } from '../etcd-calls.ts';
import { type Experiment, seconds, times } from '../experiment.ts';
import { slavesOf, underReads } from '../scene.ts';
import { withEtcd } from './05-etcd-lost.ts';

let etcd: TestEtcd;

const experiment = underReads({
  number: 6,
  name: 'every lease in etcd revoked, again and again',
  start: async (given) => {
    etcd = await TestEtcd.start();
    const running = await startCluster({ ...given, discovery: 'etcd', etcd: [etcd.url], leaseTtlMs: 2_000 });
    const stop = async () => {
      await running.stop();
      await etcd.stop();
    };
    return { ...running, stop };
  },
  async fault({ cluster, stage, strike, recovered, note }) {
    const rounds = times(stage, 4);
    let revoked = 0;
    for (let i = 0; i < rounds; i++) {
      strike('all leases revoked');
      revoked += await revokeAll(etcd.url);
      // Registered again: a gateway that starts now would find them.
      await recovered(
        'every slave is registered again',
        async () => (await leasedMembers()) >= cluster.slaves.size,
      );
      await seconds(stage, 4);
    }
    const linked = (await slavesOf(cluster.gateway.url)).filter((slave) => slave.linked).length;
    note(`${revoked} leases revoked in ${rounds} rounds, ${linked} slaves linked in the end`);
  },
});

/** A lease ends while its holder lives: it registers again, and its slots stay where they are. */
export const leaseLost: Experiment = { ...experiment, run: withEtcd(experiment) };

async function leasedMembers(): Promise<number> {
  const range = {
    key: btoa('/kamaitachi/members/'),
    range_end: btoa('/kamaitachi/members0'),
    keys_only: true,
  };
  const answer = await fetch(`${etcd.url}/v3/kv/range`, { method: 'POST', body: JSON.stringify(range) });
  const { kvs = [] } = (await answer.json()) as { kvs?: { key: string }[] };
  return kvs.filter(({ key }) => atob(key).includes('slave')).length;
}
