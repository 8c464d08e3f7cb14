/** `npm run gateway`: a gateway on Node. */

import { createDiscovery } from '../../shared/adapter/create-discovery.ts';
import { drain } from '../../shared/adapter/node-drain.ts';
import { createNodePeerFetch } from '../../shared/adapter/node-peers.ts';
import { type Running, runProcess } from '../../shared/adapter/node-process.ts';
import { createNodeServer } from '../../shared/adapter/node-server.ts';
import { readSecrets } from '../../shared/adapter/secrets.ts';
import { createLog } from '../../shared/base/log.ts';
import { commandOf } from '../../shared/base/program.ts';
import { hostPort, type Options } from '../../shared/options/config.ts';
import { createGateway } from '../gateway.ts';
import { createAssets } from './assets.ts';
import { openKeys } from './key-file.ts';
import { createNodeDial } from './node-dialer.ts';
import { createNodeListener } from './node-listener.ts';
import { createPrometheus } from './prometheus.ts';

/** Requests under way get this long to finish, after clients had time to go elsewhere. */
const DRAIN_MS = 5_000;

await runProcess('gateway', commandOf('gateway'), startGateway);

async function startGateway(options: Options): Promise<Running> {
  const log = createLog('gateway', options.logLevel, (line) => process.stderr.write(`${line}\n`));
  const { tls, access } = readSecrets(options);
  const addresses = new WeakMap<Request, string>();
  const keyFile = openKeys(options.keys, log);
  const fetchFrom = createNodePeerFetch(access, log.warn);
  const gateway = createGateway(options, {
    discovery: createDiscovery(options, log.warn, fetchFrom),
    dial: createNodeDial(access),
    fetch: fetchFrom,
    keys: keyFile?.keys,
    addressOf: (request) => addresses.get(request) ?? '',
    schedule: setImmediate,
    now: () => performance.now(),
    random: Math.random,
    assets: createAssets(),
    metrics: createPrometheus,
    log,
  });
  const listener = createNodeListener(
    options.rateLimit.length === 0
      ? gateway.app.fetch
      : (request, env) => {
          addresses.set(request, env.incoming.socket.remoteAddress ?? '');
          return gateway.app.fetch(request);
        },
    options.host,
  );
  const server = createNodeServer(tls, options.maxConnections)
    .on('request', listener)
    .listen(options.gatewayPort, options.host);
  const port = await new Promise<number>((resolve, reject) => {
    server.on('error', reject);
    server.on('listening', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : options.gatewayPort);
    });
  });
  gateway.start();
  gateway.register(hostPort(options.host, port));
  return {
    port,
    async close() {
      await gateway.leave();
      await drain(server, DRAIN_MS);
      keyFile?.close();
      await gateway.close();
    },
  };
}
