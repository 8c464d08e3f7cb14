/** What a part reads from files to be let in and to let others in: cluster tokens, certificates. Read once, at the start. */
import { readFileSync } from 'node:fs';
import { parseAddress } from '../base/address.ts';
import { MAX_CLUSTER_TOKENS, MIN_CLUSTER_TOKEN_CHARS } from '../base/limits.ts';
import type { PeerAccess } from '../http/peers.ts';
import { type Options, UsageError } from '../options/config.ts';
import type { EtcdServer } from './etcd/connection.ts';

export interface Secrets {
  /** Every one is accepted, the first is shown to others. Empty: the cluster has none. */
  tokens: readonly string[];
  /** What this part shows to those who connect (PEM); undefined = no TLS. */
  tls: { cert: string; key: string } | undefined;
  access: PeerAccess;
}

export type SecretOptions = Pick<Options, 'clusterTokenFile' | 'tlsCert' | 'tlsKey' | 'tlsCa'>;

/** Throws a UsageError that names the option whose file is not there or not right. */
export function readSecrets(options: SecretOptions): Secrets {
  const { clusterTokenFile, tlsCert, tlsKey, tlsCa } = options;
  const tokens = clusterTokenFile === undefined ? [] : readTokens(clusterTokenFile);
  return {
    tokens,
    tls:
      tlsCert === undefined || tlsKey === undefined
        ? undefined
        : { cert: readPem('--tls-cert', tlsCert), key: readPem('--tls-key', tlsKey) },
    access: { token: tokens[0], ca: tlsCa === undefined ? undefined : readPem('--tls-ca', tlsCa) },
  };
}

export type EtcdServerOptions = Pick<
  Options,
  'etcd' | 'etcdUser' | 'etcdPasswordFile' | 'etcdCa' | 'etcdCert' | 'etcdKey'
>;

/** Where etcd is and how it is asked. Throws a UsageError that names the option that is missing or wrong. */
export function readEtcdServer(options: EtcdServerOptions): EtcdServer {
  const { etcd: hosts, etcdUser, etcdPasswordFile, etcdCa, etcdCert, etcdKey } = options;
  if (hosts.length === 0) throw new UsageError('--etcd: expected at least one URL, got none');
  together('--etcd-user', etcdUser, '--etcd-password-file', etcdPasswordFile);
  together('--etcd-cert', etcdCert, '--etcd-key', etcdKey);
  const usesTls = hosts.every((url) => url.startsWith('https:'));
  const plain = hosts.find((url) => !url.startsWith('https:'));
  if (plain !== undefined && (etcdCa ?? etcdCert) !== undefined)
    throw new UsageError(`--etcd ${plain}: expected https:// with --etcd-ca and --etcd-cert`);
  const byAddress = hosts.find((url) => url.startsWith('https:') && isAddress(new URL(url).hostname));
  if ('Deno' in globalThis && byAddress !== undefined)
    throw new UsageError(
      `--etcd ${byAddress}: expected a host name; Deno checks no certificate of an address`,
    );
  const server: EtcdServer = { hosts };
  if (etcdUser !== undefined) {
    const [password] = readText(`--etcd-password-file ${etcdPasswordFile}`, etcdPasswordFile!).split(/\r?\n/);
    if (password === '')
      throw new UsageError(
        `--etcd-password-file ${etcdPasswordFile}: expected a password, got an empty line`,
      );
    server.auth = { username: etcdUser, password };
  }
  if (usesTls)
    server.tls = {
      ca: etcdCa && readPem('--etcd-ca', etcdCa),
      cert: etcdCert && readPem('--etcd-cert', etcdCert),
      key: etcdKey && readPem('--etcd-key', etcdKey),
    };
  return server;
}

function isAddress(hostname: string): boolean {
  return parseAddress(hostname.replace(/^\[|\]$/g, '')) !== undefined;
}

function together(a: string, one: string | undefined, b: string, other: string | undefined): void {
  if ((one === undefined) === (other === undefined)) return;
  throw new UsageError(
    `${one === undefined ? a : b}: expected with ${one === undefined ? b : a}, got nothing`,
  );
}

function readTokens(path: string): string[] {
  const option = `--cluster-token-file ${path}`;
  const tokens = readText(option, path, `; make one with: (umask 077; openssl rand -hex 32 > ${path})`)
    .split(/\r?\n/)
    .filter((line) => line !== '');
  // What is wrong is told without the token.
  const bad = tokens.findIndex((token) => !TOKEN.test(token) || token.length < MIN_CLUSTER_TOKEN_CHARS);
  if (bad >= 0)
    throw new UsageError(
      `${option}: expected a token of ${MIN_CLUSTER_TOKEN_CHARS} to 512 visible ASCII characters a line, ` +
        `got something else as number ${bad + 1}`,
    );
  if (tokens.length === 0 || tokens.length > MAX_CLUSTER_TOKENS)
    throw new UsageError(
      `${option}: expected 1 to ${MAX_CLUSTER_TOKENS} tokens, one a line, got ${tokens.length}`,
    );
  return tokens;
}

const TOKEN = /^[\x21-\x7e]{1,512}$/;

function readPem(flag: string, path: string): string {
  const text = readText(`${flag} ${path}`, path);
  if (!text.includes('-----BEGIN '))
    throw new UsageError(`${flag} ${path}: expected a PEM file, got something else`);
  return text;
}

function readText(option: string, path: string, hint = ''): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`${option}: cannot be read (${code ?? message})${hint}`);
  }
}
