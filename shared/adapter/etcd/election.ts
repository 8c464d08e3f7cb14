/**
 * Several masters, one elected: it holds a key in etcd below a lease. The election only says who may take the database
 * over; what keeps two from writing is the token in the database itself. So an etcd that is away, or was wiped, ends no
 * leadership: only another leader does.
 */
import { Buffer } from 'node:buffer';
import { EtcdLeaseInvalidError } from 'etcd3';
import { z } from 'zod';
import type { LogEvent } from '../../base/log.ts';
import { pause } from '../../base/pause.ts';
import { grantLease, keepAlive, type Lease, readKey, revokeLease, writeIfStill } from './calls.ts';
import { EtcdConnection, type EtcdServer } from './connection.ts';
import { createKeys } from './keys.ts';

export interface ElectionOptions {
  server: EtcdServer;
  /** What every key of this cluster begins with; ends with `/`. */
  prefix: string;
  /** How long a leader that is silent stays elected. */
  ttlMs: number;
  /** `host:port` where this candidate listens. */
  address: string;
  /** Unlike that of any other machine: with the address it says that a leader before was on this very port. */
  machine: string;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  log: LogEvent;
}

export interface Election {
  /** Resolves when this candidate is elected. */
  readonly elected: Promise<void>;
  /** Resolves, after that, with the address of another one that is. */
  readonly lost: Promise<string>;
  /** Before this time, by `now`, nobody else is elected. */
  readonly heldUntil: number;
  /** Where the leader is, as far as is known. */
  readonly leader: string | undefined;
  /** Leaves it to the others at once. Also for a candidate that was never elected. */
  resign(): Promise<void>;
}

const candidate = z.object({ address: z.string(), machine: z.string(), instance: z.string() });
type Candidate = z.infer<typeof candidate>;

const RENEWALS_PER_LEASE = 3;
/** Where leases are long, an etcd that was wiped should still know its leader soon. */
const MAX_RENEWAL_MS = 2_000;
const CAMPAIGN_EVERY_MS = 500;
const RETRY_MS = 500;
const MIN_TIMEOUT_MS = 500;
const MAX_TIMEOUT_MS = 2_000;

/** Throws a RangeError for options that cannot work. */
export function campaign(options: ElectionOptions): Election {
  return new EtcdElection(options);
}

class EtcdElection implements Election {
  readonly elected: Promise<void>;
  readonly lost: Promise<string>;
  heldUntil = -Infinity;
  leader: string | undefined;
  private readonly options: ElectionOptions;
  private readonly connection: EtcdConnection;
  private readonly key: Buffer;
  private readonly own: Candidate;
  private readonly ending = new AbortController();
  private readonly loop: Promise<void>;
  private lease: Lease | undefined;
  private isElected = false;
  private isAway = false;
  private onElected = () => {};
  private onLost = (_: string) => {};

  constructor(options: ElectionOptions) {
    const { server, prefix, ttlMs, address, machine } = options;
    if (!(ttlMs > 0)) throw new RangeError(`lease: expected a time over 0 ms, got ${ttlMs}`);
    this.options = options;
    const timeoutMs = Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, ttlMs / RENEWALS_PER_LEASE));
    this.connection = new EtcdConnection({ ...server, timeoutMs });
    this.key = createKeys(prefix).leader;
    this.own = { address, machine, instance: crypto.randomUUID() };
    this.elected = new Promise((resolve) => {
      this.onElected = resolve;
    });
    this.lost = new Promise((resolve) => {
      this.onLost = resolve;
    });
    this.loop = this.run();
  }

  async resign(): Promise<void> {
    this.ending.abort();
    await this.loop;
    try {
      // The key goes with its lease.
      if (this.lease !== undefined) await revokeLease(this.connection, this.lease.id);
    } catch (error) {
      this.options.log('election', { state: 'not resigned, the lease runs out', why: String(error) });
    }
    this.connection.close();
  }

  private async run(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      let waitMs: number;
      try {
        waitMs = await this.step();
        this.isAway = false;
      } catch (error) {
        if (error instanceof EtcdLeaseInvalidError) this.lease = undefined;
        if (!this.isAway && !signal.aborted)
          this.options.log('election', { state: 'etcd is away', why: String(error) });
        this.isAway = true;
        waitMs = RETRY_MS;
      }
      await pause(waitMs, signal);
    }
  }

  /** Takes the key where it is free, and keeps it; returns after how many milliseconds to look again. */
  private async step(): Promise<number> {
    const { connection, key, own } = this;
    const askedAt = this.options.now();
    const found = await readKey(connection, key);
    const holder = found && decode(found.value);
    if (holder !== undefined && !this.mayReplace(holder)) {
      this.heldUntil = -Infinity;
      if (this.isElected) this.onLost(holder.address);
      else if (holder.address !== this.leader)
        this.options.log('election', { state: 'standby', leader: holder.address });
      this.leader = holder.address;
      return CAMPAIGN_EVERY_MS;
    }
    if (this.lease !== undefined && !(await keepAlive(connection, this.lease.id))) this.lease = undefined;
    this.lease ??= await grantLease(connection, this.options.ttlMs);
    const { id: lease, ttlMs } = this.lease;
    // An answer that was lost on its way may have written it: then it is found here.
    const stands = holder?.instance === own.instance && found?.lease === lease;
    const value = Buffer.from(JSON.stringify(own));
    if (
      !stands &&
      !(await writeIfStill(connection, key, found?.mod_revision, [{ request_put: { key, value, lease } }]))
    )
      return 0;
    // Counted from before etcd was asked: it lets the lease live for longer than this, never shorter.
    this.heldUntil = askedAt + ttlMs;
    this.leader = own.address;
    if (!this.isElected) this.options.log('election', { state: 'elected' });
    this.isElected = true;
    this.onElected();
    return Math.min(ttlMs / RENEWALS_PER_LEASE, MAX_RENEWAL_MS);
  }

  /** We listen where it listened: it is gone, and its lease need not be waited for. One that was replaced stays so. */
  private mayReplace({ address, machine, instance }: Candidate): boolean {
    const { own } = this;
    if (instance === own.instance) return true;
    return !this.isElected && address === own.address && machine === own.machine;
  }
}

/** Undefined where something else stands there: nobody holds it then. */
function decode(value: Buffer): Candidate | undefined {
  try {
    return candidate.safeParse(JSON.parse(value.toString())).data;
  } catch {
    // Not ours: it is written over.
    return undefined;
  }
}
