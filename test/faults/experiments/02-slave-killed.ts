import { times } from '../experiment.ts';
import { isBack, underReads } from '../scene.ts';
import { Writer } from '../writer.ts';

/** `kill -9` in the middle of applying: rows and position are one transaction, so it goes on where it stood. */
export const slaveKilled = underReads({
  number: 2,
  name: '`kill -9` of a slave while it applies writes, again and again',
  isQuick: true,
  async fault({ cluster, stage, strike, recovered, note, breach }) {
    const writer = new Writer(() => cluster.gateway.url);
    const kills = times(stage, 10, 2);
    try {
      for (let i = 0; i < kills; i++) {
        const slave = cluster.slaves.get(`slave-${1 + (i % 2)}`)!;
        const { pid } = slave;
        await writerWrote(writer, 20);
        strike(`${slave.name} killed`);
        slave.signal('SIGKILL');
        await recovered(`${slave.name} is back`, () => isBack(slave, pid));
        await recovered('ready', () => cluster.ready(1_000).then(() => true));
      }
    } finally {
      await writer.stop();
    }
    for (const slave of cluster.slaves.values())
      for (const difference of await writer.differences(slave.url)) breach(`${slave.name}: ${difference}`);
    for (const complaint of writer.complaints) breach(complaint);
    note(`${kills} kills, ${writer.acknowledged} writes, both slaves equal what was acknowledged`);
  },
});

/** Resolves when so many more writes were acknowledged. */
async function writerWrote(writer: Writer, count: number): Promise<void> {
  const goal = writer.acknowledged + count;
  while (writer.acknowledged < goal) await new Promise((resolve) => setTimeout(resolve, 5));
}
