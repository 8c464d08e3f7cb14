/** What answering is made of: its sources, work that takes turns, and rows collected into an answer. */
import { afterRows, beforeRow, type Frame, LIST, tooLarge } from '../../shared/answer/frame.ts';
import type { PartHeader } from '../../shared/answer/header.ts';
import { MAX_ANSWER_BYTES, PIECE_BYTES } from '../../shared/base/limits.ts';
import { asciiJson } from '../../shared/base/text.ts';
import type { SubjectCache } from '../cache/cache.ts';
import type { Directory } from '../cache/directory.ts';
import type { StoreReader } from '../cache/store-reader.ts';
import type { Rankings } from './ranking.ts';

export interface Sources {
  directory: Directory;
  cache: SubjectCache;
  reader: StoreReader;
  rankings: Rankings;
}

/**
 * ASCII. Most of a large answer is bytes, outside of V8's heap: as texts it would be copied by two scavenges, and grow the heap
 * by thousands of pages that each further one looks at (a scavenge took 3.9 ms in place of 1.2 while answers of 30 MiB were made).
 */
export type Piece = string | Buffer;

/** An answer in pieces; together they are what `PartHeader` describes, or the final `data`, or a chunk of columns. */
export interface Answer {
  pieces: Piece[];
  length: number;
  /** A chunk of columns: bytes that are no ASCII. */
  isRaw?: true;
  /** Makes the next chunk; absent = this is the last one. */
  rest?: Work<Answer>;
}

export function textOf({ pieces }: Answer): string {
  let text = '';
  for (const piece of pieces) text += typeof piece === 'string' ? piece : piece.toString('latin1');
  return text;
}

export type Work<Result> = Generator<undefined, Result>;

/** Subjects looked at between two yields: with a cold cache about 1 ms. */
export const SUBJECTS_A_STEP = 16;

/** Characters encoded between two yields: about half a millisecond. */
export const CHARS_A_STEP = 32 * 1024;

/** Nodes of expressions evaluated between two yields: about half a millisecond. */
const NODES_A_STEP = 4_096;

/** Says when it is time to let others have a turn, where subjects differ in what they cost. */
export class Steps {
  private readonly evaluated: { readonly work: number };
  private subjects = 0;
  private workBefore = 0;

  constructor(evaluated: { readonly work: number }) {
    this.evaluated = evaluated;
  }

  /** Called once a subject. */
  isOver(): boolean {
    this.subjects++;
    return this.subjects >= SUBJECTS_A_STEP || this.isWorkOver() ? this.begin() : false;
  }

  /** Called as often as wanted within one. */
  isWorkOver(): boolean {
    return this.evaluated.work - this.workBefore >= NODES_A_STEP ? this.begin() : false;
  }

  private begin(): true {
    this.subjects = 0;
    this.workBefore = this.evaluated.work;
    return true;
  }
}

/** Collects encoded rows, either as the final `data` or back to back for the merge. */
export class Rows {
  readonly lengths: number[] = [];
  private readonly packed: Buffer[] = [];
  private texts: string[] = [];
  private textsLength = 0;
  private readonly whole: boolean;
  private readonly frame: Frame;
  private length = 0;
  private step = 0;
  private group: string | undefined;

  constructor(whole: boolean, frame: Frame = LIST) {
    this.whole = whole;
    this.frame = frame;
  }

  /** Adds a row, a long one in parts; `group`: its date. Returns whether it is time to let others have a turn. */
  add(row: string | readonly string[], group?: string): boolean {
    if (this.whole) this.put(beforeRow(this.frame, this.lengths.length === 0, this.group, group));
    this.group = group;
    const before = this.length;
    if (typeof row === 'string') this.put(row);
    else for (const part of row) this.put(part);
    const length = this.length - before;
    this.lengths.push(length);
    if (this.length > MAX_ANSWER_BYTES) throw tooLarge();
    this.step += length;
    if (this.step < CHARS_A_STEP) return false;
    this.step = 0;
    return true;
  }

  finish(header: () => PartHeader): Answer {
    if (!this.whole) {
      const text = asciiLine(header());
      return { pieces: [text, ...this.packed, ...this.texts], length: text.length + this.length };
    }
    this.put(afterRows(this.frame, this.lengths.length === 0, this.group));
    return { pieces: [...this.packed, ...this.texts], length: this.length };
  }

  private put(text: string): void {
    this.texts.push(text);
    this.length += text.length;
    this.textsLength += text.length;
    if (this.textsLength <= PIECE_BYTES) return;
    const bytes = Buffer.allocUnsafeSlow(this.textsLength);
    let at = 0;
    for (const part of this.texts) at += bytes.write(part, at, 'latin1');
    this.packed.push(bytes);
    this.texts = [];
    this.textsLength = 0;
  }
}

export function headerOnly(header: PartHeader): Answer {
  const text = asciiLine(header);
  return { pieces: [text], length: text.length };
}

function asciiLine(header: PartHeader): string {
  return `${asciiJson(header)}\n`;
}
