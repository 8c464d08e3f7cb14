/**
 * The members as etcd knows them. A watch only says that something changed; what there is comes from a list that is read
 * anew each time, and now and then unasked. So an event that is lost, or comes without its value, leaves nothing wrong.
 */
import { Buffer } from 'node:buffer';
import type { IWatchResponse } from 'etcd3';
import { MAX_MEMBERS } from '../../base/limits.ts';
import type { LogEvent } from '../../base/log.ts';
import { pause } from '../../base/pause.ts';
import { compareText } from '../../base/text.ts';
import type { RegistryView } from '../../discovery/discovery.ts';
import type { EtcdConnection } from './connection.ts';
import { decodeMember, type EtcdKeys, idOf } from './keys.ts';

export interface EtcdWatchingOptions {
  connection: EtcdConnection;
  keys: EtcdKeys;
  /** Unlike any other: marks an etcd that has no mark yet. */
  newMark: () => string;
  onView: (view: RegistryView) => void;
  /** How often the list is read where nothing changes: it also finds connections that went dead without a word. */
  relistMs: number;
  log: LogEvent;
}

interface Listed extends Omit<RegistryView, 'epoch'> {
  clusterId: string;
  revision: number;
  /** Undefined: nobody marked this etcd yet. */
  mark: string | undefined;
  /** Keys that are left out: they hold no member, or are one too many. */
  strays: string[];
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;
/** Changes seldom come alone: a cluster that starts writes a key a node. */
const COLLECT_MS = 20;

export class EtcdWatching {
  private readonly options: EtcdWatchingOptions;
  private readonly closing = new AbortController();
  private bell: Bell | undefined;
  private revision = 0;
  private memory = '';
  private losses = 0;
  private shown = '';
  private complaint = '';
  private isAway = false;

  constructor(options: EtcdWatchingOptions) {
    this.options = options;
    void this.follow();
  }

  close(): void {
    this.closing.abort();
    this.bell?.close();
    this.options.connection.close();
  }

  private async follow(): Promise<void> {
    const { signal } = this.closing;
    let retryMs = FIRST_RETRY_MS;
    const retry = async () => {
      this.bell?.close();
      this.bell = undefined;
      await pause(retryMs, signal);
      retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
    };
    while (!signal.aborted) {
      const view = await this.look();
      if (signal.aborted) break;
      if (view === undefined) {
        await retry();
        continue;
      }
      this.show(view);
      const outcome = await this.waitForChange();
      if (outcome === 'failed') await retry();
      else retryMs = FIRST_RETRY_MS;
    }
    this.bell?.close();
    this.options.connection.close();
  }

  /** What etcd knows, or undefined: it is away. Then what was known stays as it is. */
  private async look(): Promise<RegistryView | undefined> {
    try {
      let listed = await this.list();
      while (listed.mark === undefined) {
        await this.mark();
        listed = await this.list();
      }
      if (this.isAway) this.log('back');
      this.isAway = false;
      this.complain(listed.strays);
      return { epoch: this.epochOf(listed), members: listed.members, departed: listed.departed };
    } catch (error) {
      if (!this.isAway && !this.closing.signal.aborted) this.log('away', String(error));
      this.isAway = true;
      return undefined;
    }
  }

  private async list(): Promise<Listed> {
    const { mark, members, departed } = this.options.keys;
    // One transaction that only reads: all three as they were at one revision.
    const { header, responses } = await this.options.connection.call((etcd, options) =>
      etcd.kv.txn(
        {
          success: [
            { request_range: { key: mark } },
            { request_range: { ...members, limit: MAX_MEMBERS } },
            { request_range: { ...departed, limit: MAX_MEMBERS, keys_only: true } },
          ],
        },
        options,
      ),
    );
    const [marks, all, gone] = responses.map(({ response_range }) => response_range);
    const known = all.kvs.flatMap((found) => {
      const { instance: _, ...member } = decodeMember(found) ?? { id: undefined, instance: '' };
      return member.id === idOf(members, found) ? [member] : [];
    });
    const ids = new Set(known.map(({ id }) => id));
    return {
      clusterId: header.cluster_id,
      revision: Number(header.revision),
      mark: marks.kvs.at(0)?.value.toString(),
      members: known.sort((a, b) => compareText(a.id, b.id)),
      departed: gone.kvs.map((found) => idOf(departed, found)).filter((id) => !ids.has(id)),
      strays: [
        ...all.kvs.map((found) => idOf(members, found)).filter((id) => !ids.has(id)),
        ...(all.more ? [`all after the first ${MAX_MEMBERS}`] : []),
      ],
    };
  }

  private async mark(): Promise<void> {
    const { connection, keys, newMark } = this.options;
    await connection.call((etcd, options) =>
      etcd.kv.txn(
        {
          compare: [{ key: keys.mark, target: 'Create', result: 'Equal', create_revision: 0 }],
          success: [{ request_put: { key: keys.mark, value: Buffer.from(newMark()) } }],
        },
        options,
      ),
    );
  }

  /**
   * The cluster id is not enough: it is made of addresses, so an etcd that was wiped has the same again. The mark is gone
   * then. One that was put back from a copy has both, but its revisions begin again at those of the copy.
   */
  private epochOf({ clusterId, mark, revision }: Listed): string {
    const memory = `${clusterId}.${mark}`;
    const isOlder = revision < this.revision;
    if (isOlder) this.losses++;
    if (isOlder || memory !== this.memory) {
      if (this.memory !== '') this.log('etcd lost its memory');
      // It waits for a revision of the past that etcd may reach in a year.
      this.bell?.close();
      this.bell = undefined;
    }
    this.memory = memory;
    this.revision = revision;
    return `${memory}.${this.losses}`;
  }

  private show(view: RegistryView): void {
    const text = JSON.stringify(view);
    if (text === this.shown) return;
    this.shown = text;
    this.options.onView(view);
  }

  private async waitForChange(): Promise<Outcome> {
    try {
      this.bell ??= await openBell(this.options, this.revision + 1);
    } catch {
      // The list that follows finds out what is wrong.
      return 'failed';
    }
    const outcome = await this.bell.wait(this.options.relistMs);
    if (outcome === 'changed') await pause(COLLECT_MS, this.closing.signal);
    return outcome;
  }

  private complain(strays: readonly string[]): void {
    const complaint = strays.join();
    if (complaint !== this.complaint && complaint !== '') this.log('members left out', complaint);
    this.complaint = complaint;
  }

  private log(state: string, why?: string): void {
    this.options.log('etcd watch', { state, ...(why === undefined ? {} : { why: why.slice(0, 500) }) });
  }
}

type Outcome = 'changed' | 'quiet' | 'failed';

/** A watch that rings. */
interface Bell {
  /** Resolves when it has rung since the last wait, when it broke, or when it was silent for `ms`. */
  wait(ms: number): Promise<Outcome>;
  close(): void;
}

/** Rings for every change from `revision` on; breaks when its stream does, or when etcd no longer remembers that revision. */
async function openBell({ connection, keys }: EtcdWatchingOptions, revision: number): Promise<Bell> {
  let state: Outcome = 'quiet';
  let wake = () => {};
  const become = (next: Outcome) => {
    if (state !== 'failed') state = next;
    wake();
  };
  const stream = await connection.open((etcd) => etcd.watchClient.watch());
  stream.on('data', ({ canceled, events }: IWatchResponse) => {
    if (canceled) become('failed');
    else if (events.length > 0) become('changed');
  });
  stream.on('error', () => become('failed'));
  stream.on('end', () => become('failed'));
  for (const range of [keys.members, keys.departed])
    stream.write({ create_request: { ...range, start_revision: revision } });
  return {
    async wait(ms) {
      if (state === 'quiet')
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      const outcome = state;
      if (state === 'changed') state = 'quiet';
      return outcome;
    },
    close() {
      become('failed');
      stream.cancel();
    },
  };
}
