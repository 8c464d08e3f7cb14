/**
 * A process of its own that registers and watches, on whichever runtime it is started: says every view as a line of JSON,
 * leaves when its input ends, and then has to end by itself.
 */
import process from 'node:process';
import { createDiscovery } from '../../shared/adapter/create-discovery.ts';
import { parseOptions } from '../../shared/options/config.ts';

const options = parseOptions(process.argv.slice(2), {});
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const discovery = createDiscovery(options, (_, { state }) => say({ state }));
const watching = discovery.watch((view) => say({ view }));
const registering = discovery.register({
  id: options.nodeId,
  role: 'gateway',
  address: `${options.nodeId}.example:9000`,
  weight: 1,
  zone: '',
  version: '1',
});
process.stdin.on('end', async () => {
  await (await registering).leave();
  (await watching).close();
});
process.stdin.resume();
