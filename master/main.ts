/** `npm run master` */
import process from 'node:process';
import { runProcess } from '../shared/adapter/node-process.ts';
import { readSecrets } from '../shared/adapter/secrets.ts';
import { createDiscovery } from '../shared/create-discovery.ts';
import { createLog } from '../shared/log.ts';
import { startMaster } from './start.ts';

await runProcess('master', 'npm run master --', (options) => {
  const log = createLog('master', options.logLevel, (line) => process.stderr.write(`${line}\n`));
  const discovery = options.discovery === 'etcd' ? createDiscovery(options, log.warn) : undefined;
  return startMaster(options, readSecrets(options), discovery);
});
