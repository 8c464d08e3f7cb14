/**
 * The feed: how slaves get the truth from the master. `POST /internal/feed/tail` answers the log after a seq for some
 * slots, waiting for news; `POST /internal/feed/fill` answers whole slots from folded chunks in one snapshot;
 * `POST /internal/feed/sums` answers what whole slots would add up to, as `slotSum` says it. The other way round, a slave
 * answers `POST /internal/copy` with whole slots that it holds, as a fill: for a master that has lost them.
 * Answers are pages: a line of JSON and blobs behind it.
 */
import type { StoredInfo } from './lines.ts';

export const TAIL_PATH = '/internal/feed/tail';
export const FILL_PATH = '/internal/feed/fill';
export const SUMS_PATH = '/internal/feed/sums';
export const COPY_PATH = '/internal/copy';

/** Stands for every history where histories are listed that another has put an end to. */
export const ANY_HISTORY = '*';

export interface TailRequest {
  node: string;
  /** The history that `after` belongs to; `''` = none known. */
  history: string;
  /** Everything up to this seq is in the slave's file. */
  after: number;
  /** Everything up to this seq is in its answers too; absent: as far as `after`. */
  taken?: number;
  /** Base64 SlotSet of the slots whose lines are wanted. */
  slots: string;
  /** With nothing new, wait this long for something before answering; at most HEARTBEAT_MS. */
  waitMs: number;
}

/**
 * Blob i holds the wanted segments of the entry `entries[i]`. `reset`: the slave's history is another one, or it stands
 * below the log's floor: it drops what it has and fills again; there are no entries then.
 */
export interface TailHeader {
  history: string;
  /** The histories that this one has put an end to, by a restore or a person's order; ANY_HISTORY = every one. */
  origins?: string[];
  /** The head that this answer was cut at: with everything in it applied, the slave stands here, rows or none. */
  upTo: number;
  /** The master's newest seq. upTo = head: the slave has caught up. */
  head: number;
  reset: boolean;
  entries: { seq: number; at: number }[];
  /** Slots of which the master has lost lines of this page: what it has of them in chunks is whole, so fill them again. */
  damaged?: number[];
}

export interface FillRequest {
  node: string;
  history: string;
  /** The snapshot must be at this seq or later: the slave has let pass everything up to here for these slots. */
  minSeq: number;
  /** In the order wanted; the answer holds the first of them, whole, at least one. */
  slots: number[];
  /** Chunks of no more than this, where more than one slot is given; absent = as many as go into a page. */
  maxBytes?: number;
}

/** Blobs: the chunks of every subject, in the order of the header. */
export interface FillHeader {
  history: string;
  /** Log entries up to this seq are in the chunks. */
  seq: number;
  reset: boolean;
  slots: { slot: number; subjects: FilledSubject[] }[];
}

export interface FilledSubject {
  subject: string;
  info: StoredInfo;
  /** Starts of its chunks, ascending, one blob each. */
  chunks: number[];
}

export type SumsRequest = FillRequest;

/**
 * `sums[i]` is that of the i-th slot asked for, null where the master's own is damaged; there may be fewer than were asked
 * for, also none: ask again. No blobs.
 */
export interface SumsHeader {
  history: string;
  /** The state that was looked at: log entries up to this seq are in it. */
  seq: number;
  reset: boolean;
  sums: (string | null)[];
}

/** One answer of the feed as bytes: u32 header length, header JSON with the blobs' lengths, blobs. */
export function encodePage(header: object, blobs: readonly Uint8Array[]): Uint8Array {
  const head = encoder.encode(JSON.stringify({ header, lengths: blobs.map((blob) => blob.length) }));
  const page = new Uint8Array(4 + head.length + blobs.reduce((sum, blob) => sum + blob.length, 0));
  new DataView(page.buffer).setUint32(0, head.length, true);
  page.set(head, 4);
  let at = 4 + head.length;
  for (const blob of blobs) {
    page.set(blob, at);
    at += blob.length;
  }
  return page;
}

/** Reads a page; the blobs are views of `page`. Throws a RangeError where lengths do not add up. */
export function decodePage<Header>(page: Uint8Array): { header: Header; blobs: Uint8Array[] } {
  const headBytes =
    page.length < 4 ? Infinity : new DataView(page.buffer, page.byteOffset).getUint32(0, true);
  if (4 + headBytes > page.length) throw new RangeError('feed page: cut off');
  const { header, lengths } = JSON.parse(decoder.decode(page.subarray(4, 4 + headBytes))) as {
    header: Header;
    lengths: number[];
  };
  let at = 4 + headBytes;
  const blobs = lengths.map((length) => {
    at += length;
    return page.subarray(at - length, at);
  });
  if (at !== page.length) throw new RangeError('feed page: its blobs do not fit its length');
  return { header, blobs };
}

/** Lines (JSON, one per string) by slot, as they stand in the log: segments, one behind the other. */
export function encodeSegments(lines: ReadonlyMap<number, readonly string[]>): Uint8Array {
  const segments = [...segmentTexts(lines)];
  // A unit of text is a byte while all is ASCII, and up to three otherwise.
  let left = segments.reduce((sum, { text }) => sum + SEGMENT_HEADER_BYTES + text.length, 0);
  let encoded = new Uint8Array(left);
  let at = 0;
  for (const { slot, text } of segments) {
    const start = at + SEGMENT_HEADER_BYTES;
    let { read, written } = encoder.encodeInto(text, encoded.subarray(start));
    if (read < text.length) {
      const larger = new Uint8Array(at + 3 * left);
      larger.set(encoded.subarray(0, at));
      encoded = larger;
      ({ written } = encoder.encodeInto(text, encoded.subarray(start)));
    }
    putHeader(new DataView(encoded.buffer), at, slot, written);
    at = start + written;
    left -= SEGMENT_HEADER_BYTES + text.length;
  }
  // Entries stay in memory for a while, and a view would keep all of what it is of.
  return at === encoded.length ? encoded : encoded.slice(0, at);
}

/** Lines of a slot share a segment up to a bound: whoever works the log off gives others a turn between segments. */
function* segmentTexts(
  lines: ReadonlyMap<number, readonly string[]>,
): Iterable<{ slot: number; text: string }> {
  for (const [slot, texts] of lines) {
    let text = '';
    for (const line of texts) {
      if (text !== '' && text.length + line.length > SEGMENT_CHARS) {
        yield { slot, text };
        text = '';
      }
      text += `${line}\n`;
    }
    if (text !== '') yield { slot, text };
  }
}

/** The segments of a log entry, in order. Their text is lines of JSON, each with its `\n`. */
export function* readSegments(entry: Uint8Array): Iterable<Segment> {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  for (let at = 0; at < entry.length; ) {
    const end =
      at + SEGMENT_HEADER_BYTES > entry.length
        ? Infinity
        : at + SEGMENT_HEADER_BYTES + view.getUint32(at + 4, true);
    if (end > entry.length) throw new RangeError('log segment: cut off');
    yield { slot: view.getUint16(at, true), bytes: entry.subarray(at + SEGMENT_HEADER_BYTES, end) };
    at = end;
  }
}

/** The segments of the wanted slots, one behind the other. */
export function filterSegments(entry: Uint8Array, wanted: { has(slot: number): boolean }): Uint8Array {
  const kept: Segment[] = [];
  for (const segment of readSegments(entry)) if (wanted.has(segment.slot)) kept.push(segment);
  return joinSegments(kept);
}

/** The JSON lines of a segment. */
export function segmentLines(segment: Segment): string[] {
  const texts = decoder.decode(segment.bytes).split('\n');
  texts.pop();
  return texts;
}

export interface Segment {
  slot: number;
  bytes: Uint8Array;
}

export const SEGMENT_HEADER_BYTES = 8;
const SEGMENT_CHARS = 32 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function joinSegments(segments: readonly Segment[]): Uint8Array {
  const joined = new Uint8Array(
    segments.reduce((sum, { bytes }) => sum + SEGMENT_HEADER_BYTES + bytes.length, 0),
  );
  const view = new DataView(joined.buffer);
  let at = 0;
  for (const { slot, bytes } of segments) {
    putHeader(view, at, slot, bytes.length);
    joined.set(bytes, at + SEGMENT_HEADER_BYTES);
    at += SEGMENT_HEADER_BYTES + bytes.length;
  }
  return joined;
}

function putHeader(view: DataView, at: number, slot: number, bytes: number): void {
  view.setUint16(at, slot, true);
  view.setUint32(at + 4, bytes, true);
}
