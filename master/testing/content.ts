/** What subjects hold, in a shape that tests compare: independent of how chunks are cut. */
import { type Block, decodeBlock, PERIOD_COLUMN } from '../../shared/data/block.ts';
import {
  decodePage,
  type FillHeader,
  readSegments,
  segmentLines,
  type TailHeader,
} from '../../shared/data/feed.ts';
import { foldSubject, type SubjectState, touchedRange } from '../../shared/data/fold.ts';
import type { IngestLine, StampedLine, StoredInfo } from '../../shared/data/lines.ts';
import { slotSum } from '../../shared/data/slot-sum.ts';
import { SLOTS, slotOf } from '../../shared/ownership/slot.ts';

export interface Content {
  info: StoredInfo;
  /** `indicator time declared` → value. */
  values: Record<string, number | string | null>;
}

export type Contents = Record<string, Content>;

/** A follower as simple as can be: subjects in memory, changed by foldSubject alone. */
export class Follower {
  readonly subjects = new Map<string, SubjectState>();
  position = 0;

  apply(lines: readonly StampedLine[]): void {
    for (const stamped of lines) {
      const { subject } = stamped.line;
      const before = this.subjects.get(subject) ?? { info: null, chunks: [] };
      const range = touchedRange([stamped]);
      const { info, chunks, removed } = foldSubject(
        subject,
        range === null ? { ...before, chunks: [] } : before,
        [stamped],
      );
      const rewritten = new Set([...removed, ...chunks.map(({ start }) => start)]);
      const kept = before.chunks.filter(({ start }) => !rewritten.has(start));
      if (info === null) this.subjects.delete(subject);
      else
        this.subjects.set(subject, { info, chunks: [...kept, ...chunks].sort((a, b) => a.start - b.start) });
    }
  }

  /** Takes a page of the tail in; returns its header. */
  tail(page: Uint8Array, isWanted: (slot: number) => boolean = () => true): TailHeader {
    const { header, blobs } = decodePage<TailHeader>(page);
    header.entries.forEach(({ at }, i) => {
      for (const segment of readSegments(blobs[i])) {
        if (!isWanted(segment.slot)) throw new Error(`slot ${segment.slot} was not asked for`);
        this.apply(segmentLines(segment).map((text) => ({ line: JSON.parse(text) as IngestLine, at })));
      }
    });
    this.position = header.upTo;
    return header;
  }

  /** Takes whole slots in; returns the header. */
  fill(page: Uint8Array): FillHeader {
    const { header, blobs } = decodePage<FillHeader>(page);
    let blob = 0;
    for (const { slot, subjects } of header.slots) {
      for (const subject of this.subjects.keys()) if (slotOf(subject) === slot) this.subjects.delete(subject);
      for (const { subject, info, chunks } of subjects)
        this.subjects.set(subject, {
          info,
          chunks: chunks.map((start) => ({ start, block: decodeBlock(blobs[blob++]) })),
        });
    }
    return header;
  }

  /** What slots add up to. */
  sums(slots: readonly number[]): string[] {
    return slots.map((slot) => {
      const states = [...this.subjects].flatMap(([subject, { info, chunks }]) =>
        slotOf(subject) === slot && info !== null ? [{ subject, info, chunks }] : [],
      );
      return slotSum(states);
    });
  }

  contents(): Contents {
    return Object.fromEntries(
      [...this.subjects]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([subject, state]) => [subject, contentOf(state)]),
    );
  }
}

/** Everything that a master holds, by asking for all slots. */
export async function readAll(
  history: string,
  fill: (request: { node: string; history: string; minSeq: number; slots: number[] }) => Promise<Uint8Array>,
): Promise<Contents> {
  const follower = new Follower();
  let slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  while (slots.length > 0) {
    const header = follower.fill(await fill({ node: 'test', history, minSeq: 0, slots }));
    if (header.reset || header.slots.length === 0) throw new Error('fill: expected slots');
    slots = slots.slice(header.slots.length);
  }
  return follower.contents();
}

function contentOf({ info, chunks }: SubjectState): Content {
  const values: Content['values'] = {};
  for (const { block } of chunks) block.names.forEach((_, column) => void addColumn(values, block, column));
  return { info: info!, values };
}

function addColumn(values: Content['values'], block: Block, column: number): void {
  const name = block.names[column];
  for (let row = block.starts[column]; row < block.starts[column + 1]; row++) {
    const value = block.values[row];
    const key = `${name} ${block.times[block.at[row]] + 0} ${block.declared[row]}`;
    if (key in values) throw new Error(`${key}: it is there twice`);
    values[key] = name === PERIOD_COLUMN ? block.texts[value] : Number.isNaN(value) ? null : value;
  }
}
