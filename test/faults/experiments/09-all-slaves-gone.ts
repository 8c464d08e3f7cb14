import type { Part } from '../../../cli/start/part.ts';
import { LINK_SILENCE_MS } from '../../../shared/base/limits.ts';
import { eventually } from '../../support/cluster.ts';
import { seconds } from '../experiment.ts';
import { isBack, type Scene, underReads } from '../scene.ts';

/** Normal service is back this long after the slaves are. */
const BACK_MS = 2_000;
/** Parts sent again, of all requests: more would be a storm. */
const MOST_EXTRA = 0.2;

/** Nobody can answer: clients hear so, nobody is asked again and again, and it is over when the slaves are back. */
export const allSlavesGone = underReads({
  number: 9,
  name: 'all slaves killed and kept down, then back; all slaves stopped, then on',
  isQuick: true,
  isLaw: false,
  async fault(scene) {
    const slaves = [...scene.cluster.slaves.values()];
    await withoutSlaves(
      scene,
      'killed',
      () => Promise.all(slaves.map((slave) => slave.stop('SIGKILL'))),
      () => startAgain(slaves),
    );
    await seconds(scene.stage, 4, 2);
    const signal = async (name: NodeJS.Signals) => slaves.map((slave) => slave.signal(name));
    await withoutSlaves(
      scene,
      'stopped',
      () => signal('SIGSTOP'),
      () => signal('SIGCONT'),
    );
  },
});

async function withoutSlaves(
  { cluster, stage, load, strike, recovered, note, breach }: Scene,
  how: string,
  begin: () => Promise<unknown>,
  end: () => Promise<unknown>,
): Promise<void> {
  const before = await counted(cluster.gateway.url);
  const [failed, refused, requests] = [load.failed, load.refused, load.requests];
  strike(`all slaves ${how}`);
  await begin();
  await seconds(stage, 10, 5);
  await end();
  const backAt = performance.now();
  strike('all slaves are there again');
  await recovered('no more failures', async () => {
    const [failures, answers] = [load.failed, load.requests];
    await eventually('some more answers', () => load.requests >= answers + 50);
    return load.failed === failures;
  });
  await seconds(stage, 4, 2);
  const after = await counted(cluster.gateway.url);
  const asked = load.requests - requests;
  const late = load.failedAt.filter((at) => at > backAt + BACK_MS).length;
  if (late > 0) breach(`${how}: ${late} reads failed over ${BACK_MS} ms after the slaves were there again`);
  const bare = load.failed - failed - (load.refused - refused);
  if (bare > 0) breach(`${how}: ${bare} failures were no 503 with Retry-After`);
  const extra = after.retries - before.retries + after.hedges - before.hedges;
  // What was under way when the links fell silent may be asked once more.
  if (extra > MOST_EXTRA * asked + (stage.rate * LINK_SILENCE_MS) / 1000)
    breach(`${how}: a storm of retries`);
  note(`${how}: ${load.refused - refused} times 503, ${extra} parts asked again or twice for ${asked} reads`);
}

async function startAgain(slaves: readonly Part[]): Promise<void> {
  await Promise.all(slaves.map((slave) => slave.start()));
  await eventually('the slaves are ready', async () => {
    for (const slave of slaves) if (!(await isBack(slave, undefined))) return false;
    return true;
  });
}

async function counted(gatewayUrl: string): Promise<{ retries: number; hedges: number }> {
  const text = await (await fetch(`${gatewayUrl}/metrics`)).text();
  const counter = (name: string) =>
    Number(new RegExp(`^kamaitachi_gateway_${name}_total (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { retries: counter('retries'), hedges: counter('hedges') };
}
