import type { TcpProxy } from '../../support/tcp-proxy.ts';
import { seconds } from '../experiment.ts';
import { type Proxies, startProxied } from '../proxied.ts';
import { isFreshEverywhere, underReads } from '../scene.ts';

const RESET_EVERY_MS = 300;
const FULL_SECONDS = 10;

let proxies: Proxies;

/** One slave's link goes bad in every way in turn; the other one's is good. */
export const badLinks = underReads({
  number: 8,
  name: "one slave's link slow, dripping, resetting, half-open in either direction, swallowing everything",
  isQuick: true,
  start: (given) =>
    startProxied(given, (made) => {
      proxies = made;
    }),
  async fault({ cluster, stage, seq, strike, recovered }) {
    const link = proxies.slaves.get('slave-1')!;
    const wait = () => seconds(stage, FULL_SECONDS, 1.5);
    for (const { name, begin, end } of WAYS) {
      strike(name);
      const stop = begin(link);
      await wait();
      stop?.();
      end(link);
      await recovered('good again', () => isFreshEverywhere(cluster.gateway.url, seq));
    }
  },
});

interface Way {
  name: string;
  begin(link: TcpProxy): (() => void) | undefined;
  end(link: TcpProxy): void;
}

const WAYS: readonly Way[] = [
  slow('100 ms late', 100, 2 ** 30, 0),
  slow('dripping: 512 bytes every 10 ms', 0, 512, 10),
  {
    name: `reset every ${RESET_EVERY_MS} ms`,
    begin(link) {
      const timer = setInterval(() => link.resetOpen(), RESET_EVERY_MS);
      return () => clearInterval(timer);
    },
    end: () => {},
  },
  halfOpen('up'),
  halfOpen('down'),
  {
    name: 'swallowing everything',
    begin(link) {
      link.stallAll();
      return undefined;
    },
    end: (link) => link.heal(),
  },
];

function slow(name: string, delayMs: number, pieceBytes: number, everyMs: number): Way {
  return {
    name,
    begin(link) {
      link.slow({ delayMs, pieceBytes, everyMs });
      return undefined;
    },
    end: (link) => link.slow(undefined),
  };
}

function halfOpen(direction: 'up' | 'down'): Way {
  return {
    name: `half-open, ${direction === 'up' ? 'to' : 'from'} the slave nothing passes`,
    begin(link) {
      link.swallow(direction);
      return undefined;
    },
    end(link) {
      link.swallow(undefined);
      // What was swallowed is missing in the middle: no such connection is of use any more.
      link.resetOpen();
    },
  };
}
