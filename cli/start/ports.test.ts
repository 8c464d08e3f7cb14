import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { parseOptions, UsageError } from '../../shared/options/config.ts';
import { checkPorts, freePort } from './ports.ts';

const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

test('free ports are fine, and so is any free port', async () => {
  await expect(checkPorts(options({}))).resolves.toBeUndefined();
  await expect(checkPorts(options({ 'gateway-port': await freePort('127.0.0.1') }))).resolves.toBeUndefined();
});

test('a taken port is named, with who needs it and what to do', async () => {
  const port = await listen();
  const check = checkPorts(options({ 'gateway-port': port }));
  await expect(check).rejects.toThrow(UsageError);
  await expect(check).rejects.toThrow(
    `port ${port} is taken, and the gateway needs it: stop what listens there, or choose another with --gateway-port (0 = any free port)`,
  );
});

test('the ports of all slaves are looked at', async () => {
  const port = await listen();
  await expect(checkPorts(options({ 'slave-port': port - 1, slaves: 2 }))).rejects.toThrow(
    /is taken, and slave-[12] needs it/,
  );
});

test('two parts that want one port are told so', async () => {
  const port = await freePort('127.0.0.1');
  await expect(checkPorts(options({ 'gateway-port': port, 'master-port': port }))).rejects.toThrow(
    `port ${port}: both the gateway and the master would listen there`,
  );
});

test('slaves beyond the last port are refused', async () => {
  await expect(checkPorts(options({ 'slave-port': 65535, slaves: 2 }))).rejects.toThrow(
    'port 65536 of slave-2',
  );
});

test('an address that is not of this machine is refused', async () => {
  await expect(checkPorts(options({ host: '192.0.2.1', 'gateway-port': 9000 }))).rejects.toThrow(
    '192.0.2.1:9000 (the gateway): cannot listen there, EADDRNOTAVAIL',
  );
});

function options(given: Record<string, string | number>) {
  const all = { 'gateway-port': 0, 'master-port': 0, 'slave-port': 0, ...given };
  return parseOptions(
    Object.entries(all).map(([name, value]) => `--${name}=${value}`),
    {},
  );
}

async function listen(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}
