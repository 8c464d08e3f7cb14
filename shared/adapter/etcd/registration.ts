/**
 * One member's key in etcd and the lease below it. One loop looks again and again at what is there and mends what is
 * missing, so it makes no difference why: lease lost, key deleted, etcd wiped, this process asleep for a minute.
 */
import type { Buffer } from 'node:buffer';
import { EtcdLeaseInvalidError } from 'etcd3';
import { DEPARTED_KEPT_MS } from '../../base/limits.ts';
import type { LogEvent } from '../../base/log.ts';
import { pause } from '../../base/pause.ts';
import type { Member } from '../../discovery/discovery.ts';
import { grantLease, keepAlive, type Lease, readKey, revokeLease, writeIfStill } from './calls.ts';
import type { EtcdConnection } from './connection.ts';
import { decodeMember, type EtcdKeys, encodeMember } from './keys.ts';

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
  private lease: Lease | undefined;
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
    const { connection } = this.options;
    if (this.lease !== undefined && !(await keepAlive(connection, this.lease.id))) this.lease = undefined;
    this.lease ??= await grantLease(connection, this.options.ttlMs);
    const { id: lease, ttlMs } = this.lease;
    const waitMs = ttlMs / RENEWALS_PER_LEASE;

    const found = await readKey(connection, this.key);
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
    const written = await writeIfStill(connection, this.key, found?.mod_revision, [
      { request_put: { key: this.key, value: this.value, lease } },
      { request_delete_range: { key: keys.departedKey(member.id) } },
    ]);
    this.hasRegistered ||= written;
    return written ? waitMs : 0;
  }

  private async sayGoodBye(): Promise<void> {
    const { connection } = this.options;
    const found = await readKey(connection, this.key);
    const holder = found && decodeMember(found);
    if (holder === undefined || holder.instance === this.options.instance) {
      const { id: lease } = await grantLease(connection, DEPARTED_KEPT_MS);
      const key = this.options.keys.departedKey(this.options.member.id);
      // In one transaction: a member that is gone without a good-bye counts as lost, if only for a moment.
      await writeIfStill(connection, this.key, found?.mod_revision, [
        { request_delete_range: { key: this.key } },
        { request_put: { key, lease } },
      ]);
    }
    const { lease } = this;
    if (lease !== undefined) await revokeLease(connection, lease.id);
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
