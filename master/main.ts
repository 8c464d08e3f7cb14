/** `npm run master` */
import { hostname } from 'node:os';
import process from 'node:process';
import { createDiscovery, DISCOVERIES } from '../shared/adapter/create-discovery.ts';
import { runProcess } from '../shared/adapter/node-process.ts';
import { lowerProcess, WRITING } from '../shared/adapter/priority.ts';
import { readEtcdServer, readSecrets } from '../shared/adapter/secrets.ts';
import { createLog } from '../shared/base/log.ts';
import { commandOf } from '../shared/base/program.ts';
import type { Options } from '../shared/options/config.ts';
import { type Several, startMaster } from './start.ts';

// Answers do not come from here: what is written can wait a little where they need the core.
lowerProcess(WRITING);
await runProcess('master', commandOf('master'), (options) =>
  startMaster(
    options,
    readSecrets(options),
    DISCOVERIES[options.discovery].elects ? oneOfSeveral(options) : undefined,
  ),
);

function oneOfSeveral(options: Options): Several {
  const log = createLog('master', options.logLevel, (line) => process.stderr.write(`${line}\n`));
  return {
    discovery: createDiscovery(options, log.warn),
    async campaign(address) {
      // etcd3 and gRPC take a while to load: only where they are used.
      const { campaign } = await import('../shared/adapter/etcd/election.ts');
      const { etcdPrefix: prefix, leaseTtlMs: ttlMs } = options;
      const server = readEtcdServer(options);
      const now = () => performance.now();
      return campaign({ server, prefix, ttlMs, address, machine: hostname(), now, log: log.warn });
    },
  };
}
