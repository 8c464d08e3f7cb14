/** Slaves for tests, behind the dialer port: they speak the link's frames in this process, and answer as they are told. */

import { PIECE_BYTES } from '../../shared/base/limits.ts';
import { asciiJson } from '../../shared/base/text.ts';
import type { Discovery, Member, RegistryView } from '../../shared/discovery/discovery.ts';
import {
  type Hello,
  LINK_PROTOCOL,
  type PartError,
  type PartRequest,
  type SlaveState,
} from '../../shared/link/messages.ts';
import { ChangedSlots } from '../../shared/link/news.ts';
import { encodeFrame, FrameReader, frameHead } from '../../shared/link/wire.ts';
import { HASH_ID, SLOTS, SlotSet } from '../../shared/ownership/slot.ts';
import type { Connection, ConnectionEvents, Dial } from '../slaves/dialer.ts';

export type Reply =
  /** `length`: as long as it says that it is; by default the truth. */
  | { text: string; seq?: number; staleSeconds?: number; length?: number }
  /** An answer in columns; `breaksAfter`: it fails when so many chunks were sent. */
  | { chunks: Uint8Array[]; breaksAfter?: number }
  | { code: string; message: string; retryAfter?: number; refusal?: PartError['refusal'] }
  | 'silence'
  | 'break';

export class FakeSlave {
  readonly id: string;
  readonly requests: PartRequest[] = [];
  readonly cancelled: number[] = [];
  readonly credits: number[] = [];
  /** Chunks that were asked for. */
  pulls = 0;
  ready = SlotSet.all();
  state: Omit<SlaveState, 'ready'> = { history: 'h', seq: 7, fresh: true, staleSeconds: 0, leaving: false };
  hello: Record<string, unknown>;
  dials = 0;
  isUp = true;
  greets = true;
  /** Its clock, where it sends news; it then says for how long it stays fresh, too. */
  clock: (() => number) | undefined;
  freshMs = 1_000;
  /** What the gateway said about itself last. */
  gateway: Hello | undefined;
  reply: (request: PartRequest) => Reply | Promise<Reply> = () => ({ text: '[]' });
  private connections = new Set<FakeConnection>();

  constructor(id: string) {
    this.id = id;
    this.hello = {
      protocol: LINK_PROTOCOL,
      slots: SLOTS,
      hash: HASH_ID,
      node: id,
      version: 'test',
      history: 'h',
    };
  }

  get address(): string {
    return this.id;
  }

  member(): Member {
    return { id: this.id, role: 'slave', address: this.id, weight: 1, zone: '', version: 'test' };
  }

  push(): void {
    for (const connection of this.connections) connection.pushState();
  }

  /** News to every gateway that wants them. */
  pushNews(seq: number, slots: readonly number[]): void {
    const changed = new ChangedSlots();
    for (const slot of slots) changed.add(slot);
    const frame = encodeFrame('N', [seq], changed.encode());
    for (const connection of this.connections) if (connection.gateway?.wantsNews) connection.send(frame);
  }

  /** Whether a gateway has greeted it over a link that still stands. */
  get isLinked(): boolean {
    return [...this.connections].some(({ gateway }) => gateway !== undefined);
  }

  /** From now on what it sends stays on its way, until `deliver`. */
  hold(): void {
    for (const connection of this.connections) connection.held ??= [];
  }

  /** Everything that is on its way arrives, or the first `frames` of it. */
  deliver(frames = Infinity): void {
    for (const connection of this.connections) connection.deliver(frames);
  }

  /** Every link breaks, and none is accepted until `isUp` is true again. */
  kill(): void {
    this.isUp = false;
    for (const connection of [...this.connections]) connection.drop('reset');
  }

  accept(events: ConnectionEvents): Connection {
    this.dials++;
    const connection = new FakeConnection(this, events, () => this.connections.delete(connection));
    this.connections.add(connection);
    return connection;
  }
}

class FakeConnection implements Connection {
  private readonly slave: FakeSlave;
  private readonly events: ConnectionEvents;
  private readonly onEnd: () => void;
  private readonly reader = new FrameReader();
  private readonly rests = new Map<number, Rest>();
  private readonly streams = new Map<number, { chunks: Uint8Array[]; breaksAfter: number; sent: number }>();
  private isOpen = true;
  held: (string | Uint8Array)[] | undefined;
  gateway: Hello | undefined;

  constructor(slave: FakeSlave, events: ConnectionEvents, onEnd: () => void) {
    this.slave = slave;
    this.events = events;
    this.onEnd = onEnd;
    queueMicrotask(() => {
      if (slave.greets) this.send(encodeFrame('H', [], JSON.stringify(slave.hello)));
      this.pushState();
    });
  }

  async write(text: string): Promise<void> {
    for (const { type, numbers, payload } of this.reader.push(text)) {
      const [id, amount] = numbers;
      if (type === 'H') {
        this.gateway = JSON.parse(payload) as Hello;
        this.slave.gateway = this.gateway;
      } else if (type === 'Q') void this.answer(id, JSON.parse(payload) as PartRequest);
      else if (type === 'C') {
        this.slave.cancelled.push(id);
        this.streams.delete(id);
      } else if (type === 'P') {
        this.slave.pulls++;
        this.sendChunk(id);
      } else if (type === 'W') {
        this.slave.credits.push(amount);
        this.sendPieces(id, amount);
      }
    }
  }

  close(): void {
    this.drop('closed');
  }

  drop(reason: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.onEnd();
    this.events.onClose(reason);
  }

  pushState(): void {
    const { clock, freshMs } = this.slave;
    const news = clock && { clock: clock(), freshMs };
    const state: SlaveState = { ...this.slave.state, ready: this.slave.ready.toBase64(), ...news };
    this.send(encodeFrame('S', [], JSON.stringify(state)));
  }

  private async answer(id: number, request: PartRequest): Promise<void> {
    this.slave.requests.push(request);
    const reply = await this.slave.reply(request);
    if (reply === 'silence') return;
    if (reply === 'break') this.drop('reset');
    else if ('code' in reply)
      this.send(
        encodeFrame(
          'E',
          [id, reply.retryAfter ?? 0],
          asciiJson({ code: reply.code, message: reply.message, refusal: reply.refusal }),
        ),
      );
    else if ('chunks' in reply) {
      const { chunks, breaksAfter = Infinity } = reply;
      this.streams.set(id, { chunks, breaksAfter, sent: 0 });
      this.sendChunk(id);
    } else {
      const { text, seq = this.slave.state.seq, staleSeconds = 0, length = text.length } = reply;
      this.rests.set(id, { data: text, sent: 0, header: [id, seq, staleSeconds, length] });
      this.sendPieces(id, PIECE_BYTES);
    }
  }

  private sendChunk(id: number): void {
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    if (stream.sent === stream.breaksAfter) {
      this.send(encodeFrame('E', [id, 0], asciiJson({ code: 'internal', message: 'broken' })));
      return;
    }
    const data = stream.chunks[stream.sent];
    // Silent from here on.
    if (data === undefined) return;
    stream.sent++;
    const more = stream.sent < stream.chunks.length || stream.breaksAfter < Infinity ? 1 : 0;
    this.rests.set(id, { data, sent: 0, header: [id, this.slave.state.seq, 0, data.length, more] });
    this.sendPieces(id, PIECE_BYTES);
  }

  /** Pieces smaller than allowed, so that nobody relies on their size. */
  private sendPieces(id: number, bytes: number): void {
    const rest = this.rests.get(id);
    if (rest === undefined) return;
    const { data } = rest;
    const end = Math.min(data.length, rest.sent + bytes);
    do {
      const to = Math.min(end, rest.sent + (data.length > PIECE_BYTES ? 40_000 : PIECE_BYTES));
      if (typeof data === 'string') this.send(encodeFrame('R', rest.header, data.slice(rest.sent, to)));
      else {
        const head = frameHead('B', rest.header, to - rest.sent);
        this.send(Buffer.concat([Buffer.from(head), data.subarray(rest.sent, to)]));
      }
      rest.sent = to;
    } while (rest.sent < end);
    if (rest.sent === data.length) this.rests.delete(id);
  }

  send(data: string | Uint8Array): void {
    if (!this.isOpen) return;
    if (this.held === undefined) this.events.onData(data);
    else this.held.push(data);
  }

  deliver(frames: number): void {
    const { held } = this;
    if (held === undefined) return;
    const sent = held.splice(0, frames);
    if (held.length === 0) this.held = undefined;
    if (this.isOpen) for (const data of sent) this.events.onData(data);
  }
}

/** What is left of an answer or a chunk. */
interface Rest {
  data: string | Uint8Array;
  sent: number;
  header: number[];
}

/** Dials the slave whose id is the address. */
export function dialFakes(slaves: readonly FakeSlave[]): Dial {
  return async (address, events) => {
    const slave = slaves.find(({ id }) => id === address);
    if (!slave?.isUp) throw new Error('connection refused');
    return slave.accept(events);
  };
}

/** A registry whose view tests set. */
export class FakeDiscovery implements Discovery {
  view: RegistryView = { epoch: 'e', members: [], departed: [] };
  registered: Member[] = [];
  private listeners = new Set<(view: RegistryView) => void>();

  async register(member: Member) {
    this.registered.push(member);
    return {
      leave: async () => {
        this.registered = this.registered.filter(({ id }) => id !== member.id);
      },
    };
  }

  async watch(onView: (view: RegistryView) => void) {
    this.listeners.add(onView);
    onView(this.view);
    return { close: () => void this.listeners.delete(onView) };
  }

  set(members: Member[], departed: string[] = []): void {
    this.view = { ...this.view, members, departed };
    for (const listener of this.listeners) listener(this.view);
  }
}
