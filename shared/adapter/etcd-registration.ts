/**
 * One member's key in etcd and the lease below it. One loop looks again and again at what is there and mends what is
 * missing, so it makes no difference why: lease lost, key deleted, etcd wiped, this process asleep for a minute.
 */
import type { Buffer } from 'node:buffer';
import { EtcdLeaseInvalidError, type ILeaseKeepAliveResponse, type IRequestOp } from 'etcd3';
import type { Member } from '../discovery.ts';
import { DEPARTED_KEPT_MS } from '../limits.ts';
import type { LogEvent } from '../log.ts';
import type { EtcdConnection } from './etcd-connection.ts';
import { decodeMember, type EtcdKeys, encodeMember } from './etcd-keys.ts';
import { pause } from './pause.ts';

export interface EtcdRegistrationOptions {
  connection: EtcdConnection;
  keys: EtcdKeys;
  member: Member;
  /** Unlike that of any other registration. */
  instance: string;
  ttlMs: number;
  log: LogEvent;
}

/** Renewals in the life of a lease: two may be lost. */
export const RENEWALS_PER_LEASE = 3;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;

export class EtcdRegistration {
  /** Resolves when the member stands in etcd for the first time. */
  readonly registered: Promise<void>;
  private readonly options: EtcdRegistrationOptions;
  private readonly key: Buffer;
  private readonly value: Buffer;
  private readonly leaving = new AbortController();
  private readonly loop: Promise<void>;
  private lease: { id: string; ttlMs: number } | undefined;
  private hasRegistered = false;
  private isTaken = false;
  private isAway = false;

  constructor(options: EtcdRegistrationOptions) {
    this.options = options;
    const { keys, member, instance } = options;
    this.key = keys.memberKey(member.id);
    this.value = encodeMember({ ...member, instance });
    const { promise, resolve } = withResolvers();
    this.registered = promise;
    this.loop = this.keep(resolve);
  }

  /** Says good-bye; takes a few seconds at most where nobody answers. */
  async leave(): Promise<void> {
    this.leaving.abort();
    // A renewal on its way would register us again after the good-bye.
    await this.loop;
    try {
      await this.sayGoodBye();
    } catch (error) {
      // Nobody there to hear it: the lease runs out by itself.
      this.log('good-bye not heard', error);
    }
    this.options.connection.close();
  }

  private async keep(onRegistered: () => void): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (!this.leaving.signal.aborted) {
      let waitMs: number;
      try {
        waitMs = await this.renew();
        retryMs = FIRST_RETRY_MS;
        if (this.isAway) this.log('back');
        this.isAway = false;
        if (this.hasRegistered) onRegistered();
      } catch (error) {
        if (error instanceof EtcdLeaseInvalidError) this.lease = undefined;
        if (!this.isAway) this.log('away', error);
        this.isAway = true;
        waitMs = Math.min(retryMs, this.options.ttlMs / RENEWALS_PER_LEASE);
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      }
      await pause(waitMs, this.leaving.signal);
    }
  }

  /** One turn of the loop; returns after how many milliseconds the next is due. */
  private async renew(): Promise<number> {
    if (this.lease !== undefined && !(await this.keepAlive(this.lease.id))) this.lease = undefined;
    this.lease ??= await this.grant(Math.ceil(this.options.ttlMs / 1_000));
    const { id: lease, ttlMs } = this.lease;
    const waitMs = ttlMs / RENEWALS_PER_LEASE;

    const found = await this.read();
    const holder = found && decodeMember(found);
    const isOurs = holder?.instance === this.options.instance;
    // A node that starts again takes its name over from the one that died. One that slept meanwhile does not take it back.
    const isTaken = holder !== undefined && !isOurs && this.hasRegistered;
    if (isTaken !== this.isTaken && isTaken) this.log('name taken', holder.address);
    this.isTaken = isTaken;
    if (isTaken) return waitMs;
    if (isOurs && found?.lease === lease && found.value.equals(this.value)) {
      // Also where we never heard that it was written.
      this.hasRegistered = true;
      return waitMs;
    }
    const { keys, member } = this.options;
    const written = await this.writeIfStill(found?.mod_revision, [
      { request_put: { key: this.key, value: this.value, lease } },
      { request_delete_range: { key: keys.departedKey(member.id) } },
    ]);
    this.hasRegistered ||= written;
    return written ? waitMs : 0;
  }

  private async sayGoodBye(): Promise<void> {
    const found = await this.read();
    const holder = found && decodeMember(found);
    if (holder === undefined || holder.instance === this.options.instance) {
      const { id: lease } = await this.grant(DEPARTED_KEPT_MS / 1_000);
      const key = this.options.keys.departedKey(this.options.member.id);
      // In one transaction: a member that is gone without a good-bye counts as lost, if only for a moment.
      await this.writeIfStill(found?.mod_revision, [
        { request_delete_range: { key: this.key } },
        { request_put: { key, lease } },
      ]);
    }
    const { lease } = this;
    if (lease !== undefined)
      await this.options.connection.call((etcd, options) =>
        etcd.leaseClient.leaseRevoke({ ID: lease.id }, options),
      );
  }

  private async read() {
    const { kvs } = await this.options.connection.call((etcd, options) =>
      etcd.kv.range({ key: this.key }, options),
    );
    return kvs.at(0);
  }

  /** Whether our key was still as `revision` left it (undefined: not there), and the operations were done. */
  private async writeIfStill(revision = '0', operations: IRequestOp[]): Promise<boolean> {
    const { succeeded } = await this.options.connection.call((etcd, options) =>
      etcd.kv.txn(
        {
          compare: [{ key: this.key, target: 'Mod', result: 'Equal', mod_revision: revision }],
          success: operations,
        },
        options,
      ),
    );
    return succeeded;
  }

  private async grant(seconds: number): Promise<{ id: string; ttlMs: number }> {
    const { ID, TTL } = await this.options.connection.call((etcd, options) =>
      etcd.leaseClient.leaseGrant({ TTL: seconds }, options),
    );
    return { id: ID, ttlMs: Number(TTL) * 1_000 };
  }

  /** Whether the lease was still alive. */
  private async keepAlive(id: string): Promise<boolean> {
    const { TTL } = await this.options.connection.call(async (etcd, options) => {
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

  private log(state: string, why?: unknown): void {
    const { log, member } = this.options;
    log('etcd registration', {
      member: member.id,
      state,
      ...(why === undefined ? {} : { why: String(why) }),
    });
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
