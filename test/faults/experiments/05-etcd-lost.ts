import { startCluster } from '../../support/cluster.ts';
import { hasEtcd, TestEtcd } from '../../support/etcd.ts';
import { compact, scribble } from '../etcd-calls.ts';
import { type Experiment, emptyFinding, type Finding, type Stage, seconds } from '../experiment.ts';
import { slavesOf, underReads } from '../scene.ts';

let etcd: TestEtcd;

const experiment = underReads({
  number: 5,
  name: 'etcd killed, then back; killed and wiped; compacted while nobody watched',
  start: async (given) => {
    etcd = await TestEtcd.start();
    const running = await startCluster({ ...given, discovery: 'etcd', etcd: [etcd.url], leaseTtlMs: 2_000 });
    const stop = async () => {
      await running.stop();
      await etcd.stop();
    };
    return { ...running, stop };
  },
  async fault({ cluster, stage, strike, recovered }) {
    const isWhole = async () =>
      (await slavesOf(cluster.gateway.url)).filter(({ linked }) => linked).length === cluster.slaves.size;
    /** Only a registry that works lets a new slave be found. */
    const findsNew = async (what: string) => {
      const slave = await cluster.addSlave();
      await recovered(`${what}: a new slave was found`, isWhole);
      await cluster.removeSlave(slave.name);
    };
    strike('etcd killed');
    await etcd.kill();
    await seconds(stage, 10, 3);
    await etcd.start();
    await findsNew('killed');

    strike('etcd killed and wiped');
    await etcd.kill();
    etcd.wipe();
    await etcd.start();
    await seconds(stage, 8, 3);
    await findsNew('wiped');

    strike('etcd killed, written to and compacted');
    await etcd.kill();
    await seconds(stage, 3);
    await etcd.start();
    await scribble(etcd.url, 50);
    await compact(etcd.url);
    await findsNew('compacted');
  },
});

/** The registry goes away in three ways; running traffic does not notice. */
export const etcdLost: Experiment = { ...experiment, run: withEtcd(experiment) };

/** Says so where there is no etcd. */
export function withEtcd({ name, run }: Experiment): (stage: Stage) => Promise<Finding> {
  return async (stage) =>
    hasEtcd(name) ? run(stage) : { ...emptyFinding(), skipped: 'there is no etcd on the PATH' };
}
