/** The token of a cluster that was given none: what its parts say to each other is nobody else's affair, on one machine too. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Options, UsageError } from '../../shared/options/config.ts';

export const OWN_TOKEN_FILE = 'cluster-token';
const TOKEN_BYTES = 32;

/**
 * Where no token is given, one in the data directory, made at the first start. It is asked for where parts speak with each
 * other; what clients and people may ask a master or slave on this machine they may ask as before.
 */
export function withClusterToken(options: Options): Options {
  if (options.clusterTokenFile !== undefined) return options;
  const clusterTokenFile = join(resolve(options.dataDir), OWN_TOKEN_FILE);
  try {
    if (!existsSync(clusterTokenFile)) {
      mkdirSync(options.dataDir, { recursive: true });
      writeFileSync(clusterTokenFile, `${randomBytes(TOKEN_BYTES).toString('hex')}\n`, {
        mode: 0o600,
        flag: 'wx',
      });
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`--data-dir ${options.dataDir}: cannot be written to (${code ?? message})`);
  }
  return { ...options, clusterTokenFile, clusterTokenScope: 'internal' };
}
