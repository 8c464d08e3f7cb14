/** A cluster whose links pass through proxies that misbehave when they are told to: one before each slave, one before the master. */
import type { Command } from '../../cli/start/commands.ts';
import type { Options } from '../../shared/options/config.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { quietPort } from '../support/etcd.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

export interface Proxies {
  /** Before each slave, for gateways and other slaves, by the slave's name. */
  slaves: Map<string, TcpProxy>;
  /** Before the master, for all that ask it. */
  master: TcpProxy;
}

const SLAVES = 2;

/** `use` gets the proxies as soon as they stand. `before`: something else of that kind between them and the master. */
export async function startProxied(
  given: Partial<Options>,
  use: (proxies: Proxies) => void,
  before?: (masterPort: number) => Promise<{ port: number; close(): Promise<void> }>,
): Promise<TestCluster> {
  const masterPort = await quietPort();
  const ports = new Map<string, number>();
  const last = await before?.(masterPort);
  const proxies: Proxies = { slaves: new Map(), master: await TcpProxy.start(last?.port ?? masterPort) };
  for (let i = 1; i <= SLAVES; i++) {
    const port = await quietPort();
    ports.set(`slave-${i}`, port);
    proxies.slaves.set(`slave-${i}`, await TcpProxy.start(port));
  }
  use(proxies);
  const members = [...proxies.slaves.values()].map(({ port }) => `127.0.0.1:${port}`);
  const master = `http://127.0.0.1:${proxies.master.port}`;
  const wrap = (part: string, { file, args }: Command): Command => {
    const own = ports.get(part);
    const given: Record<string, string> = { '--members': members.join(), '--master': master };
    if (own !== undefined) {
      given['--slave-port'] = String(own);
      given['--node-id'] = `127.0.0.1:${proxies.slaves.get(part)!.port}`;
    }
    return part === 'master' ? { file, args } : { file, args: replaced(args, given) };
  };
  const close = async () => {
    await Promise.all([proxies.master, ...proxies.slaves.values()].map((proxy) => proxy.close()));
    await last?.close();
  };
  try {
    const running = await startCluster({ ...given, slaves: SLAVES, discovery: 'static', masterPort }, wrap);
    return {
      ...running,
      async stop() {
        await running.stop();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A command line with other values for these flags. */
export function replaced(args: readonly string[], given: Record<string, string>): string[] {
  const kept = args.filter((arg) => !(arg.split('=')[0] in given));
  return [...kept, ...Object.entries(given).map(([flag, value]) => `${flag}=${value}`)];
}
