/**
 * A link to one slave: one connection that carries all requests at once. Requests of one turn of the event loop share a
 * write; an answer over PIECE_BYTES comes in pieces, as far as the answer budget lets it. A link that breaks or falls
 * silent fails what is under way and is opened again. It has no timers: `tick` moves it.
 */
import { tooLarge } from '../../shared/answer/frame.ts';
import { type ErrorCode, KamaitachiError, STATUS_OF } from '../../shared/base/errors.ts';
import {
  CHUNK_OF_COLUMNS_BYTES,
  CHUNKS_AHEAD,
  DIAL_TIMEOUT_MS,
  LINK_SILENCE_MS,
  LINK_WINDOW_BYTES,
  MAX_ANSWER_BYTES,
  MAX_LINK_BACKLOG_BYTES,
  MAX_RECONNECT_MS,
  PIECE_BYTES,
  RECONNECT_MS,
  SUSPECT_MS,
  TICK_MS,
} from '../../shared/base/limits.ts';
import { type Hello, LINK_PROTOCOL, type PartError, type SlaveState } from '../../shared/link/messages.ts';
import { decodeChanged } from '../../shared/link/news.ts';
import { agreedProtocol, OLDEST_LINK_PROTOCOL } from '../../shared/link/protocol.ts';
import { encodeFrame, type Frame, FrameReader } from '../../shared/link/wire.ts';
import type { Budget, Share } from '../flow/budget.ts';
import type { ChunkPool } from '../flow/chunk-pool.ts';
import { Credit } from '../flow/credit.ts';
import { Pending } from '../flow/pending.ts';

import { ChunkStream } from './chunk-stream.ts';
import type { Connection, Dial } from './dialer.ts';

/**
 * ASCII as a link brought it: a text, or where it is large bytes in pieces, cut anywhere. Texts of this size fill the runtime's
 * heap, which stands still for long when it is swept; bytes lie outside of it.
 */
export type PartText = string | readonly Uint8Array<ArrayBuffer>[];

export interface LinkOptions {
  /** Id of the slave that is expected at the address. */
  node: string;
  address: string;
  hello: Hello;
  dial: Dial;
  /** Runs a function at the end of this turn of the event loop. */
  schedule: (run: () => void) => void;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** 0 ≤ random < 1, to spread reconnections. */
  random: () => number;
  budget: Budget;
  chunks: ChunkPool;
  onState: (state: SlaveState) => void;
  /** These slots have changed, up to a seq. */
  onNews: (seq: number, slots: Iterable<number>) => void;
  /** `reason` undefined: the link is open now. */
  onChange: (reason: string | undefined) => void;
  /** The slave has fallen silent with requests under way. */
  onSilence: () => void;
}

export interface PartAnswer {
  text: PartText;
  seq: number;
  staleSeconds: number;
  /** What comes behind the chunk of columns in `text`. */
  rest?: ChunkStream;
}

/** Why a part was not answered, and so what may be done about it. */
export type FailureKind =
  /** The slave will not answer this now; another one may. */
  | 'refused'
  /** The slave has enough to do; one that has less may answer. */
  | 'full'
  /** The slave has given up a slot of it, and said so before: whoever holds it now may answer, and this one the rest. */
  | 'not_held'
  /** The slave made a mistake; another one may answer. */
  | 'failed'
  /** The link broke; another slave may answer. */
  | 'broken'
  /** Nobody will answer it better. */
  | 'final';

export interface PartFailure {
  readonly kind: FailureKind;
  readonly error: KamaitachiError;
  /** The link was given up because nothing came over it. */
  readonly isSilence?: boolean;
}

/** A request that is under way. */
export interface Call {
  /** The slave has answered: a piece of it is here, and the others come as there is room for them. */
  readonly hasBegun: boolean;
}

/** Who asked. Hears one of `answered` and `failed`, once, and nothing after `cancel`. */
export interface CallListener {
  /** A piece of a large answer is here. */
  began(): void;
  answered(answer: PartAnswer): void;
  failed(failure: PartFailure): void;
}

interface PendingCall extends Call {
  id: number;
  share: Share;
  listener: CallListener;
  pieces: Uint8Array<ArrayBuffer>[];
  received: number;
  hasBegun: boolean;
  /** Its first chunk is handed over; the others go here. */
  rest: ChunkStream | undefined;
}

/** One connection from dialling to its end. */
interface Attempt {
  reader: FrameReader;
  connection: Connection | undefined;
  hello: Hello | undefined;
  out: string;
  isWriting: boolean;
}

type State =
  | { kind: 'waiting'; until: number }
  | { kind: 'connecting'; attempt: Attempt }
  | { kind: 'open'; attempt: Attempt }
  | { kind: 'closed' };

export class Link {
  readonly options: LinkOptions;
  private state: State;
  private readonly pending = new Pending<PendingCall>();
  private readonly credit = new Credit(LINK_WINDOW_BYTES, PIECE_BYTES, (id, bytes) => {
    if (this.state.kind === 'open') this.send(this.state.attempt, encodeFrame('W', [id, bytes]));
  });
  /** When something came from the slave last. */
  lastHeard = 0;
  /** Since when it has owed us a word, with requests under way; 0 = it does not. */
  private unheardSince = 0;
  /** Requests are under way, and nothing has come for SUSPECT_MS. */
  isSilent = false;
  private failures = 0;
  private isScheduled = false;
  private readonly flushLater = () => {
    this.isScheduled = false;
    this.flush();
  };
  /** Why the link is not open, for people. */
  reason = 'not tried yet';

  constructor(options: LinkOptions) {
    this.options = options;
    this.state = { kind: 'waiting', until: options.now() };
  }

  get isOpen(): boolean {
    return this.state.kind === 'open';
  }

  /** Whether it is open, or an attempt to open it has ended. */
  get isTried(): boolean {
    return this.isOpen || this.failures > 0;
  }

  /** Requests under way. */
  get load(): number {
    return this.pending.size;
  }

  /** What the slave said about itself, while the link is open. */
  get hello(): Hello | undefined {
    return this.state.kind === 'open' ? this.state.attempt.hello : undefined;
  }

  /** The newest protocol that both ends speak; 0 while the link is not open. */
  get protocol(): number {
    return (this.hello && agreedProtocol(this.hello)) ?? 0;
  }

  /** Sends a request. `payload`: the PartRequest as ASCII JSON. `listener` hears nothing before this returns. */
  call(payload: string, timeoutMs: number, share: Share, listener: CallListener): Call {
    const call: PendingCall = {
      id: 0,
      share,
      listener,
      pieces: NO_PIECES,
      received: 0,
      hasBegun: false,
      rest: undefined,
    };
    if (this.state.kind !== 'open') failSoon(call, broken(this.options.node, this.reason));
    else if (this.pending.isFull || this.state.attempt.out.length > MAX_LINK_BACKLOG_BYTES)
      failSoon(call, {
        kind: 'refused',
        error: new KamaitachiError('unavailable', `slave ${this.options.node}: too much waits to be sent`),
      });
    else {
      this.pending.add(call);
      this.send(this.state.attempt, encodeFrame('Q', [call.id, Math.max(1, Math.ceil(timeoutMs))], payload));
    }
    return call;
  }

  /** Tells the slave to stop; false if the call is over already. */
  cancel(call: Call): boolean {
    const own = call as PendingCall;
    if (!this.pending.delete(own.id)) return false;
    this.credit.end(own.id);
    if (this.state.kind === 'open') this.send(this.state.attempt, encodeFrame('C', [own.id]));
    return true;
  }

  /** How long nothing has come from the slave; it sends something several times a second. */
  get quietMs(): number {
    return this.options.now() - this.lastHeard;
  }

  /**
   * Opens the link when it is due and notices silence. `elapsedMs`: since the last tick; what is more than usual, this process
   * itself stood still. `wasAsleep`: for so long that silence says nothing.
   */
  tick(elapsedMs: number, wasAsleep: boolean): void {
    const now = this.options.now();
    if (this.state.kind === 'waiting') {
      if (now >= this.state.until) this.connect();
    } else if (this.state.kind !== 'closed') {
      if (wasAsleep) this.lastHeard = now;
      else if (now - this.lastHeard > LINK_SILENCE_MS) this.end(this.state.attempt, SILENT);
      this.suspect(now, elapsedMs);
    }
  }

  /**
   * A slave that has requests under way sends something every ALIVE_MS; one of protocol 1 only has to answer. What came while
   * this process stood still is read first.
   */
  private suspect(now: number, elapsedMs: number): void {
    if (this.unheardSince === 0 || this.isSilent) return;
    this.unheardSince += Math.max(0, elapsedMs - MOST_TICK_MS);
    if (now - this.unheardSince < SUSPECT_MS) return;
    const since = this.unheardSince;
    this.options.schedule(() => {
      if (this.unheardSince !== since || this.pending.size === 0) return;
      this.isSilent = true;
      this.options.onSilence();
    });
  }

  /** Ends the link for good. */
  close(): void {
    if (this.state.kind === 'connecting' || this.state.kind === 'open')
      this.end(this.state.attempt, 'closed');
    this.state = { kind: 'closed' };
  }

  private connect(): void {
    const { address, dial, hello, now } = this.options;
    const attempt: Attempt = {
      reader: new FrameReader(),
      connection: undefined,
      hello: undefined,
      out: encodeFrame('H', [], JSON.stringify(hello)),
      isWriting: false,
    };
    this.state = { kind: 'connecting', attempt };
    this.lastHeard = now();
    const events = {
      onData: (data: string | Uint8Array) => this.read(attempt, data),
      onClose: (reason: string) => this.end(attempt, reason),
    };
    dial(address, events, DIAL_TIMEOUT_MS).then(
      (connection) => {
        attempt.connection = connection;
        if (this.isCurrent(attempt)) this.flush();
        else connection.close();
      },
      (error: unknown) => this.end(attempt, error instanceof Error ? error.message : String(error)),
    );
  }

  private isCurrent(attempt: Attempt): boolean {
    return 'attempt' in this.state && this.state.attempt === attempt;
  }

  private send(attempt: Attempt, frame: string): void {
    attempt.out += frame;
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.options.schedule(this.flushLater);
  }

  private flush(): void {
    if (!('attempt' in this.state)) return;
    const { attempt } = this.state;
    const { connection, out } = attempt;
    if (connection === undefined || attempt.isWriting || out === '') return;
    attempt.out = '';
    attempt.isWriting = true;
    if (this.unheardSince === 0 && this.pending.size > 0) this.unheardSince = this.options.now();
    connection.write(out).then(() => {
      attempt.isWriting = false;
      if (this.isCurrent(attempt)) this.flush();
    });
  }

  private read(attempt: Attempt, data: string | Uint8Array): void {
    if (!this.isCurrent(attempt)) return;
    this.lastHeard = this.options.now();
    this.isSilent = false;
    try {
      for (const frame of attempt.reader.push(data)) this.take(attempt, frame);
    } catch (error) {
      this.end(attempt, error instanceof Error ? error.message : String(error));
    }
    this.unheardSince = this.pending.size > 0 && this.protocol >= ALIVE_PROTOCOL ? this.lastHeard : 0;
  }

  private take(attempt: Attempt, frame: Frame): void {
    if (attempt.hello === undefined && frame.type !== 'H')
      throw new RangeError('frame: expected a hello first');
    switch (frame.type) {
      case 'R':
        this.takeAnswer(attempt, frame);
        break;
      case 'B':
        this.takeBytes(attempt, frame);
        break;
      case 'S':
        this.options.onState(JSON.parse(frame.payload) as SlaveState);
        break;
      case 'N':
        this.options.onNews(frame.numbers[0], decodeChanged(frame.payload));
        break;
      case 'E':
        this.takeError(frame);
        break;
      case 'H':
        this.greet(attempt, JSON.parse(frame.payload) as Hello);
        break;
      default:
        throw new RangeError(`frame: expected one that a slave sends, got ${frame.type}`);
    }
  }

  private greet(attempt: Attempt, hello: Hello): void {
    const mismatch = mismatchOf(hello, this.options);
    if (mismatch !== undefined) throw new RangeError(mismatch);
    attempt.hello = hello;
    this.state = { kind: 'open', attempt };
    this.failures = 0;
    this.reason = '';
    this.options.onChange(undefined);
  }

  private takeAnswer(attempt: Attempt, { numbers, payload }: Frame): void {
    const [id, seq, staleSeconds, total] = numbers;
    const call = this.pending.get(id);
    if (call === undefined) return;
    if (payload.length === total) {
      this.pending.delete(id);
      call.listener.answered({ text: payload, seq, staleSeconds });
      return;
    }
    if (total > MAX_ANSWER_BYTES) {
      this.cancel(call);
      call.listener.failed({ kind: 'final', error: tooLarge() });
      return;
    }
    if (call.received === 0) {
      call.pieces = [];
      call.hasBegun = true;
      call.listener.began();
      // Whoever asked may have let go of it.
      if (this.pending.get(id) === undefined) return;
      this.askForRest(attempt, call, total);
    } else this.credit.came(id, payload.length);
    call.pieces.push(encoder.encode(payload));
    call.received += payload.length;
    if (call.received < total) return;
    // Before it is taken out: the end of a link fails all that is in.
    if (call.received > total) throw new RangeError(`answer: expected ${total} bytes, got ${call.received}`);
    this.pending.delete(id);
    call.listener.answered({ text: call.pieces, seq, staleSeconds });
  }

  /** A chunk of columns: its bytes go into one piece, where the columns can be read as they are. */
  private takeBytes(attempt: Attempt, { numbers, bytes = NO_BYTES }: Frame): void {
    const [id, seq, staleSeconds, total, more] = numbers;
    const call = this.pending.get(id);
    if (call === undefined) return;
    if (total > MAX_ANSWER_BYTES) {
      this.cancel(call);
      failCall(call, { kind: 'final', error: tooLarge() });
      return;
    }
    if (call.received === 0 && !this.beginChunk(attempt, call, total, more === 1)) return;
    if (call.received > 0) this.credit.came(id, bytes.length);
    const [chunk] = call.pieces;
    if (call.received + bytes.length > chunk.length)
      throw new RangeError(`answer: expected ${chunk.length} bytes, got more`);
    chunk.set(bytes, call.received);
    call.received += bytes.length;
    if (call.received < total) return;
    call.received = 0;
    if (more === 0) this.pending.delete(id);
    if (call.rest !== undefined) call.rest.push(chunk, more === 0);
    else {
      if (more === 1) call.rest = this.restOf(attempt, call);
      call.listener.answered({ text: [chunk], seq, staleSeconds, rest: call.rest });
    }
  }

  /** False where nobody wants it any more. */
  private beginChunk(attempt: Attempt, call: PendingCall, total: number, hasMore: boolean): boolean {
    call.pieces = [this.options.chunks.take(total)];
    call.hasBegun = true;
    if (call.rest !== undefined) {
      // The room that the first one took stays the answer's.
      if (total > PIECE_BYTES) this.credit.want(call.id, total - PIECE_BYTES);
      return true;
    }
    if (total <= PIECE_BYTES && !hasMore) return true;
    call.listener.began();
    // Whoever asked may have let go of it.
    if (this.pending.get(call.id) === undefined) return false;
    this.askForRest(attempt, call, total, hasMore ? CHUNKS_AHEAD * CHUNK_OF_COLUMNS_BYTES : 0);
    return true;
  }

  private restOf(attempt: Attempt, call: PendingCall): ChunkStream {
    return new ChunkStream(
      () => {
        if (this.isCurrent(attempt)) this.send(attempt, encodeFrame('P', [call.id]));
      },
      () => this.cancel(call),
      (chunk) => this.options.chunks.give(chunk),
    );
  }

  /** `aheadBytes`: room for what comes behind it. */
  private askForRest(attempt: Attempt, { id, share }: PendingCall, total: number, aheadBytes = 0): void {
    this.options.budget.reserve(share, total + aheadBytes, () => {
      if (!this.isCurrent(attempt) || this.pending.get(id) === undefined) return false;
      if (total > PIECE_BYTES) this.credit.want(id, total - PIECE_BYTES);
      return true;
    });
  }

  private takeError({ numbers, payload }: Frame): void {
    const [id, retryAfterSeconds] = numbers;
    const call = this.pending.get(id);
    if (call === undefined) return;
    const { code, message, refusal } = JSON.parse(payload) as PartError;
    this.pending.delete(id);
    this.credit.end(id);
    const known = code in STATUS_OF ? code : 'internal';
    failCall(call, {
      kind: refusal ?? kindOf(known),
      error: new KamaitachiError(known, message, retryAfterSeconds || undefined),
    });
  }

  private end(attempt: Attempt, reason: string): void {
    if (!this.isCurrent(attempt)) return;
    const { now, random, node } = this.options;
    const delay = Math.min(MAX_RECONNECT_MS, RECONNECT_MS * 2 ** Math.min(this.failures++, 10));
    this.state = { kind: 'waiting', until: now() + delay * (0.5 + random() / 2) };
    this.reason = reason;
    attempt.connection?.close();
    this.credit.clear();
    this.unheardSince = 0;
    this.isSilent = false;
    for (const call of this.pending.clear()) failCall(call, broken(node, reason));
    this.options.onChange(reason);
  }
}

/** From this protocol on a slave that has requests under way says so all the time. */
const ALIVE_PROTOCOL = 2;
/** Between two ticks, however busy this process is, unless it stood still. */
const MOST_TICK_MS = 2 * TICK_MS;

/** Whoever hears of it: who asked, or once that has the first chunk, who takes the others. */
function failCall({ listener, rest }: PendingCall, failure: PartFailure): void {
  if (rest === undefined) listener.failed(failure);
  else rest.fail(failure.error);
}

function failSoon({ listener }: PendingCall, failure: PartFailure): void {
  queueMicrotask(() => listener.failed(failure));
}

const SILENT = `silent for over ${LINK_SILENCE_MS} ms`;
const NO_PIECES: Uint8Array<ArrayBuffer>[] = [];
const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();

function mismatchOf(said: Hello, { hello, node: expected }: LinkOptions): string | undefined {
  const { protocol, slots, hash, node } = said;
  if (agreedProtocol(said) === undefined)
    return `protocol: expected ${LINK_PROTOCOL} or ${OLDEST_LINK_PROTOCOL}, got ${protocol}`;
  if (slots !== hello.slots) return `slots: expected ${hello.slots}, got ${slots}`;
  if (hash !== hello.hash) return `hash: expected ${hello.hash}, got ${hash}`;
  return node === expected ? undefined : `node: expected ${expected}, got ${node}`;
}

function kindOf(code: ErrorCode): FailureKind {
  if (code === 'unavailable' || code === 'rate_limited') return 'refused';
  return code === 'internal' ? 'failed' : 'final';
}

function broken(node: string, reason: string): PartFailure {
  return {
    kind: 'broken',
    error: new KamaitachiError('unavailable', `slave ${node}: ${reason}; try again`),
    isSilence: reason === SILENT,
  };
}
