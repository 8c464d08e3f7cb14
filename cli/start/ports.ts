/** Which ports are free: looked at before anything is started, so that the answer is one clear line. */
import { createServer } from 'node:net';
import { type Options, UsageError } from '../../shared/options/config.ts';

/** Throws a UsageError that names the first port that a cluster with these options could not have. */
export async function checkPorts(options: Options): Promise<void> {
  const wanted = [
    { port: options.gatewayPort, what: 'the gateway', flag: '--gateway-port' },
    { port: options.masterPort, what: 'the master', flag: '--master-port' },
    ...Array.from({ length: options.slavePort === 0 ? 0 : options.slaves }, (_, i) => ({
      port: options.slavePort + i,
      what: `slave-${i + 1}`,
      flag: '--slave-port',
    })),
  ].filter(({ port }) => port !== 0);
  const seen = new Map<number, string>();
  for (const { port, what, flag } of wanted) {
    const other = seen.get(port);
    if (other !== undefined)
      throw new UsageError(
        `port ${port}: both ${other} and ${what} would listen there; give one of them another (${flag})`,
      );
    seen.set(port, what);
    if (port > 65_535)
      throw new UsageError(`port ${port} of ${what}: expected at most 65535; choose a lower ${flag}`);
    const reason = await listenOnce(options.host, port);
    if (reason === 'EADDRINUSE')
      throw new UsageError(
        `port ${port} is taken, and ${what} needs it: stop what listens there, or choose another with ${flag} (0 = any free port)`,
      );
    if (reason !== undefined)
      throw new UsageError(
        `${options.host}:${port} (${what}): cannot listen there, ${reason}; see --host and ${flag}`,
      );
  }
}

/** A port that is free at this moment. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, host, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Why one cannot listen on a port; undefined where one can. */
function listenOnce(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer().once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code ?? error.message),
    );
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
