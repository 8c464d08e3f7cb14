/** Where a part may listen: beyond this machine only with what keeps strangers out. */
import { commandOf } from '../base/program.ts';
import { type Options, UsageError } from './config.ts';

export type Role = 'gateway' | 'slave' | 'master' | 'start';

export type ExposureOptions = Pick<
  Options,
  'host' | 'clusterTokenFile' | 'keys' | 'tlsCert' | 'tlsKey' | 'tlsCa'
>;

/** What to do where somebody else listens on the port of a part. */
export function portTaken(role: Exclude<Role, 'start'>, port: number | undefined): string {
  return `port ${port} is taken: stop what listens there, or choose another with --${role}-port (0 = any free port)`;
}

/** Throws a UsageError, in one line that says what to do, where these options would leave a part open to everybody. */
export function checkExposure(role: Role, options: ExposureOptions): void {
  checkTls(role, options);
  if (isLoopback(options.host)) return;
  const missing: string[] = [];
  if (options.clusterTokenFile === undefined)
    missing.push('--cluster-token-file FILE (make it with: openssl rand -hex 32 > FILE)');
  if (options.keys === undefined && (role === 'gateway' || role === 'start'))
    missing.push(`--keys FILE (make it with: ${commandOf('key')} NAME --scopes read,write --keys FILE)`);
  if (missing.length > 0)
    throw new UsageError(
      `--host ${options.host}: others than this machine would get in; add ${missing.join(' and ')}, or listen on 127.0.0.1`,
    );
}

/** A slave that speaks TLS with those who speak without would be there for nobody. */
function checkTls(role: Role, { tlsCert, tlsKey, tlsCa }: ExposureOptions): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UsageError(
      `${tlsCert === undefined ? '--tls-cert' : '--tls-key'}: expected a file, got nothing; --tls-cert and --tls-key come together`,
    );
  if (role !== 'gateway' && (tlsCert === undefined) !== (tlsCa === undefined))
    throw new UsageError(
      tlsCa === undefined
        ? '--tls-ca: expected a file, got nothing; inside a cluster whoever listens with a certificate must know which ones to trust'
        : '--tls-cert: expected a file, got nothing; with --tls-ca every part inside a cluster listens with a certificate',
    );
}

/** Whether only this machine reaches it. A name other than localhost may mean anything. */
export function isLoopback(host: string): boolean {
  return (
    /^127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(host) ||
    host === '::1' ||
    host.toLowerCase() === 'localhost'
  );
}
