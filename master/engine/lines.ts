/** From the segments of the log to the lines of each subject. */
import { readSegments, type Segment, segmentLines } from '../../shared/data/feed.ts';
import type { IngestLine, StampedLine } from '../../shared/data/lines.ts';
import type { LogEntry } from '../store/log-tables.ts';

export interface StampedSegment extends Segment {
  /** The second at which it was taken. */
  at: number;
}

/** The segments of the slots that are wanted, by slot; within a slot in the order of the log. */
export function segmentsBySlot(
  entries: readonly LogEntry[],
  isWanted: (slot: number, seq: number) => boolean = () => true,
): StampedSegment[] {
  const found: StampedSegment[] = [];
  for (const { seq, at, bytes } of entries)
    for (const { slot, bytes: lines } of readSegments(bytes))
      if (isWanted(slot, seq)) found.push({ slot, bytes: lines, at });
  // The sort is stable: lines of a slot stay in order.
  return found.sort((a, b) => a.slot - b.slot);
}

/** Lines by subject, with the subject's slot. */
export function linesBySubject(
  segments: readonly StampedSegment[],
): Map<string, { slot: number; lines: StampedLine[] }> {
  const subjects = new Map<string, { slot: number; lines: StampedLine[] }>();
  for (const segment of segments) {
    for (const text of segmentLines(segment)) {
      const line = JSON.parse(text) as IngestLine;
      let group = subjects.get(line.subject);
      if (group === undefined) {
        group = { slot: segment.slot, lines: [] };
        subjects.set(line.subject, group);
      }
      group.lines.push({ line, at: segment.at });
    }
  }
  return subjects;
}
