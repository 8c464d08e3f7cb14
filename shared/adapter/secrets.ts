/** What a part reads from files to be let in and to let others in: cluster tokens, certificates. Read once, at the start. */
import { readFileSync } from 'node:fs';
import { MAX_CLUSTER_TOKENS, MIN_CLUSTER_TOKEN_CHARS } from '../base/limits.ts';
import type { PeerAccess } from '../http/peers.ts';
import { type Options, UsageError } from '../options/config.ts';

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
