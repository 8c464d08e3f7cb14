/** The few calls that keep a key below a lease, each with the connection's deadline. */
import type { Buffer } from 'node:buffer';
import type { IKeyValue, ILeaseKeepAliveResponse, IRequestOp } from 'etcd3';
import type { EtcdConnection } from './connection.ts';

export interface Lease {
  id: string;
  /** What etcd granted: it counts in whole seconds and has a least of its own. */
  ttlMs: number;
}

export async function readKey(connection: EtcdConnection, key: Buffer): Promise<IKeyValue | undefined> {
  const { kvs } = await connection.call((etcd, options) => etcd.kv.range({ key }, options));
  return kvs.at(0);
}

/** Whether the key was still as `revision` left it (undefined: not there), and the operations were done. */
export async function writeIfStill(
  connection: EtcdConnection,
  key: Buffer,
  revision: string | undefined,
  operations: IRequestOp[],
): Promise<boolean> {
  const { succeeded } = await connection.call((etcd, options) =>
    etcd.kv.txn(
      {
        compare: [{ key, target: 'Mod', result: 'Equal', mod_revision: revision ?? '0' }],
        success: operations,
      },
      options,
    ),
  );
  return succeeded;
}

export async function grantLease(connection: EtcdConnection, ttlMs: number): Promise<Lease> {
  const { ID, TTL } = await connection.call((etcd, options) =>
    etcd.leaseClient.leaseGrant({ TTL: Math.ceil(ttlMs / 1_000) }, options),
  );
  return { id: ID, ttlMs: Number(TTL) * 1_000 };
}

/** Whether the lease was still alive. */
export async function keepAlive(connection: EtcdConnection, id: string): Promise<boolean> {
  const { TTL } = await connection.call(async (etcd, options) => {
    const stream = await etcd.leaseClient.leaseKeepAlive(options);
    const answer = await new Promise<ILeaseKeepAliveResponse>((resolve, reject) => {
      stream.on('data', resolve);
      stream.on('error', reject);
      stream.on('end', () => reject(new Error('lease: the stream ended without an answer')));
      stream.write({ ID: id });
    });
    stream.end();
    return answer;
  });
  return Number(TTL) > 0;
}

export async function revokeLease(connection: EtcdConnection, id: string): Promise<void> {
  await connection.call((etcd, options) => etcd.leaseClient.leaseRevoke({ ID: id }, options));
}
