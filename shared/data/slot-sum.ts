/**
 * What a slot holds, in 64 bits: equal on the master and every slave that stands at the same seq, however each has cut its
 * subjects into chunks.
 */

import { spread } from '../base/checksum.ts';
import { murmur3 } from '../base/murmur3.ts';
import { compareText } from '../base/text.ts';
import { type Block, PERIOD_COLUMN } from './block.ts';
import type { Chunk, StoredInfo } from './lines.ts';

/** A subject as it is stored, its chunks by start. */
export interface StoredState {
  subject: string;
  info: StoredInfo;
  chunks: readonly Chunk[];
}

/** 64 bits of all that a slot holds, as 16 hex digits. Subjects in any order. */
export function slotSum(subjects: Iterable<StoredState>): string {
  const sum = new Sum();
  for (const { subject, info, chunks } of [...subjects].sort((a, b) => compareText(a.subject, b.subject))) {
    sum.text(subject);
    addInfo(sum, info);
    for (const [name, column] of [...columnSums(chunks)].sort(([a], [b]) => compareText(a, b))) {
      sum.text(name);
      sum.sum(column);
    }
  }
  return sum.hex();
}

function addInfo(sum: Sum, info: StoredInfo): void {
  const { name, status, listing_date, category, topics, tags, created, updated, memberships } = info;
  const tagList = Object.entries(tags).sort(([a], [b]) => compareText(a, b));
  const parts = [name, status, listing_date, category, topics, tagList, created, updated];
  // A subject without memberships adds up to what it did before there were any: nodes of the version before agree.
  sum.text(JSON.stringify(memberships === undefined ? parts : [...parts, memberships]));
}

/** Per column a sum of its rows by time and declared: where one chunk ends and the next begins leaves no trace in it. */
function columnSums(chunks: readonly Chunk[]): Map<string, Sum> {
  const sums = new Map<string, Sum>();
  for (const { block } of chunks) {
    block.names.forEach((name, column) => {
      const sum = sums.get(name) ?? new Sum();
      sums.set(name, sum);
      addColumn(sum, block, column, name === PERIOD_COLUMN);
    });
  }
  return sums;
}

function addColumn(sum: Sum, block: Block, column: number, isPeriod: boolean): void {
  const { starts, times, at, declared, values, texts } = block;
  for (let row = starts[column]; row < starts[column + 1]; row++) {
    sum.number(times[at[row]]);
    sum.number(declared[row]);
    if (isPeriod) sum.text(texts[values[row]]);
    else sum.number(values[row]);
  }
}

const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);

class Sum {
  private a = 0x9e3779b9;
  private b = 0x85ebca6b;

  /** There is one null and one zero, whatever their bits are. */
  number(value: number): void {
    scratch[0] = Number.isNaN(value) ? NaN : value + 0;
    this.word(scratchWords[0]);
    this.word(scratchWords[1]);
  }

  text(text: string): void {
    this.word(murmur3(text));
    this.word(murmur3(text, 0x5eed));
  }

  sum(other: Sum): void {
    this.word(other.a);
    this.word(other.b);
  }

  hex(): string {
    return [spread(this.a ^ Math.imul(this.b, 0x2c1b3c6d)), spread(this.b ^ Math.imul(this.a, 0x297a2d39))]
      .map((half) => half.toString(16).padStart(8, '0'))
      .join('');
  }

  private word(word: number): void {
    this.a = Math.imul(this.a ^ word, 0x2c1b3c6d);
    this.a ^= this.a >>> 15;
    this.b = (Math.imul(this.b ^ word, 0x297a2d39) + this.a) | 0;
    this.b ^= this.b >>> 13;
  }
}
