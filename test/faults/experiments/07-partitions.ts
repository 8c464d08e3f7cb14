import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyLine } from '../../../shared/http/keys.ts';
import { ALWAYS_SENT, startCluster } from '../../support/cluster.ts';
import { hasEtcd, TestEtcd } from '../../support/etcd.ts';
import { type Experiment, emptyFinding, seconds } from '../experiment.ts';
import { Network } from '../network.ts';
import { replaced } from '../proxied.ts';
import { isFreshEverywhere, type Scene, underReads } from '../scene.ts';

const KEY = 'faults-key-faults-key-faults-key-faults-key';
const TOKEN = 'faults-token-faults-token-faults-token-faults';

let network: Network;
let etcd: TestEtcd;

const experiment = underReads({
  number: 7,
  name: 'network cut between master and a slave, gateway and a slave, everybody and etcd; healed each time',
  async start(given) {
    network = new Network(Math.random);
    etcd = await TestEtcd.start(network.host);
    const folder = mkdtempSync(join(tmpdir(), 'kamaitachi-secrets-'));
    const secrets = writeSecrets(folder);
    ALWAYS_SENT['x-api-key'] = KEY;
    const close = async () => {
      delete ALWAYS_SENT['x-api-key'];
      rmSync(folder, { recursive: true, force: true });
      await etcd.stop();
      network.close();
    };
    try {
      const running = await startCluster(
        { ...given, ...secrets, discovery: 'etcd', etcd: [etcd.url], leaseTtlMs: 3_000 },
        (part, { file, args }) =>
          network.inside(part, file, replaced(args, { '--host': network.address(part) })),
      );
      const stop = async () => {
        await running.stop();
        await close();
      };
      return { ...running, stop };
    } catch (error) {
      await close();
      throw error;
    }
  },
  async fault(scene) {
    await partition(scene, [['master', 'slave-1']]);
    await partition(scene, [['gateway', 'slave-1']]);
    await partition(
      scene,
      ['slave-1', 'slave-2', 'gateway'].map((part) => [part, 'host'] as const),
    );
  },
});

/** Packets vanish, so nobody is told anything: what a switch that dies looks like. */
export const partitions: Experiment = {
  ...experiment,
  async run(stage) {
    const missing =
      Network.missing() ?? (hasEtcd(experiment.name) ? undefined : 'there is no etcd on the PATH');
    if (missing !== undefined)
      return { ...emptyFinding(), skipped: `${missing}; experiment 8 does the like through proxies` };
    return experiment.run(stage);
  },
};

/** Away from 127.0.0.1 nothing listens without them. */
function writeSecrets(folder: string): { clusterTokenFile: string; keys: string } {
  const clusterTokenFile = join(folder, 'token');
  const keys = join(folder, 'keys');
  const sha256 = createHash('sha256').update(KEY).digest('hex');
  writeFileSync(clusterTokenFile, `${TOKEN}\n`);
  writeFileSync(
    keys,
    `${keyLine({ id: 'faults', name: 'faults', scopes: ['read', 'write', 'admin'], sha256 })}\n`,
  );
  return { clusterTokenFile, keys };
}

async function partition(
  { cluster, stage, seq, strike, recovered }: Scene,
  cables: readonly (readonly [string, string])[],
): Promise<void> {
  const what = cables.map(([a, b]) => `${a}–${b === 'host' ? 'etcd' : b}`).join(', ');
  // The harness asks the gateway from outside: that cable carries the load too, and stays.
  const cut = cables.filter(([a, b]) => !(a === 'gateway' && b === 'host'));
  strike(`cut: ${what}`);
  for (const [a, b] of cut) network.cut(a, b);
  if (cut.length < cables.length) etcd.pause();
  await seconds(stage, 12, 5);
  if (cut.length < cables.length) etcd.resume();
  for (const [a, b] of cut) network.heal(a, b);
  const healedAt = performance.now();
  await recovered('everybody is fresh', () => isFreshEverywhere(cluster.gateway.url, seq));
  stage.say(`that is ${Math.round(performance.now() - healedAt)} ms after it was healed`);
}
