import type { Part } from '../../../cli/start/part.ts';
import { eventually } from '../../support/cluster.ts';
import { isBack, type Scene, underReads } from '../scene.ts';

/** Every part once, told to end as an update would do it, the next only when the last is ready again. */
export const rollingRestart = underReads({
  number: 22,
  name: 'rolling restart of slaves, master and two gateways (SIGTERM, one after the other)',
  isQuick: true,
  gateways: 2,
  async fault(scene) {
    const { cluster, gateways } = scene;
    for (const part of [...cluster.slaves.values(), cluster.master, ...gateways]) await restart(scene, part);
  },
});

/** Told to end, and waited for. */
export async function restart({ cluster, strike, recovered }: Scene, part: Part): Promise<void> {
  const { pid } = part;
  strike(`${part.name} told to end`);
  part.signal('SIGTERM');
  await recovered(`${part.name} is ready again`, () => isBack(part, pid));
  await eventually('the cluster is ready', () => cluster.ready(1_000).then(() => true));
}
