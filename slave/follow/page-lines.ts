/** What a page of the log brings: lines by subject, for the file and for the main thread. */
import { readSegments, type Segment, segmentLines, type TailHeader } from '../../shared/data/feed.ts';
import type { IngestLine, StampedLine, StoredInfo } from '../../shared/data/lines.ts';
import type { SubjectLines } from '../store/writer.ts';
import type { DataMessage, FromFollower } from './messages.ts';

/** Lines handed to the main thread in one message, and subjects, be they of lines or of slots that are filled. */
const HANDOVER_CHARS = 256 * 1024;
export const HANDOVER_SUBJECTS = 256;
/** More of one subject is not handed over: parsing and patching it would take a turn of the main thread for 10 ms; it reads it from the file. */
const MAX_PATCH_CHARS = 256 * 1024;

interface StampedSegment extends Segment {
  /** The second at which the master took it. */
  at: number;
}

/** What the main thread hears of a subject in a page. `texts`: its lines, null where it has no use for them. */
export interface SubjectNews {
  subject: string;
  texts: string[] | null;
  updated: number;
}

/** A page without what comes after `limit`. */
export function cutAt(header: TailHeader, limit: number): TailHeader {
  if (header.upTo <= limit) return header;
  return { ...header, upTo: limit, entries: header.entries.filter(({ seq }) => seq <= limit) };
}

/** What a page after `position` brings, by slot, as far as `isNews`; within a slot in the order of the log. */
export function newsBySlot(
  header: TailHeader,
  blobs: readonly Uint8Array[],
  position: number,
  isNews: (slot: number, seq: number) => boolean,
): Map<number, StampedSegment[]> {
  const bySlot = new Map<number, StampedSegment[]>();
  let last = position;
  header.entries.forEach(({ seq, at }, i) => {
    if (seq <= last || seq > header.upTo)
      throw new RangeError(`feed page: expected seqs that grow from ${last} to ${header.upTo}, got ${seq}`);
    last = seq;
    for (const segment of readSegments(blobs[i])) {
      if (!isNews(segment.slot, seq)) continue;
      const own = bySlot.get(segment.slot);
      if (own === undefined) bySlot.set(segment.slot, [{ ...segment, at }]);
      else own.push({ ...segment, at });
    }
  });
  return bySlot;
}

/**
 * The lines of each subject, read only when they are asked for: those of a whole page, parsed, would outlive many collections. Adds
 * what the main thread is to hear of a subject to `news`.
 */
export function* subjectsIn(
  bySlot: ReadonlyMap<number, readonly StampedSegment[]>,
  mayBeCached: (subject: string) => boolean,
  news: SubjectNews[],
): Generator<SubjectLines> {
  for (const segments of bySlot.values()) {
    const subjects = new Map<string, { own: SubjectNews; chars: number; lines: StampedLine[] }>();
    for (const segment of segments) {
      for (const text of segmentLines(segment)) {
        const line = JSON.parse(text) as IngestLine;
        const { subject } = line;
        let group = subjects.get(subject);
        if (group === undefined) {
          const texts = mayBeCached(subject) ? [] : null;
          group = { own: { subject, texts, updated: 0 }, chars: 0, lines: [] };
          subjects.set(subject, group);
        }
        group.lines.push({ line, at: segment.at });
        group.chars += text.length;
        if (group.chars > MAX_PATCH_CHARS) group.own.texts = null;
        group.own.texts?.push(text);
        group.own.updated = segment.at;
      }
    }
    for (const [subject, { own, lines }] of subjects) {
      news.push(own);
      yield { subject, lines };
    }
  }
}

/** What the main thread is told of a page, in messages small enough that taking one in does not hold it up. */
export function* appliedMessages(
  upTo: number,
  news: readonly SubjectNews[],
  infos: [string, StoredInfo | null][],
): Iterable<DataMessage> {
  const infoOf = new Map(infos.map((info) => [info[0], info]));
  let next = 0;
  do {
    const message: FromFollower & { type: 'applied' } = {
      ...{ type: 'applied', upTo, subjects: [], lines: [], updated: [], infos: [] },
    };
    const { subjects } = message;
    let chars = 0;
    for (; next < news.length && subjects.length < HANDOVER_SUBJECTS && chars < HANDOVER_CHARS; next++) {
      const { subject, texts, updated } = news[next];
      const text = texts?.join('\n') ?? null;
      chars += text?.length ?? 0;
      subjects.push(subject);
      message.lines.push(text);
      message.updated.push(updated);
      const info = infoOf.get(subject);
      if (info !== undefined) message.infos.push(info);
    }
    if (next < news.length) message.more = true;
    yield message;
  } while (next < news.length);
}
