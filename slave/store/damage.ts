/** Rows of a slave's file that are not as they were written: the slot they belong to is filled again. */

import { checksumText } from '../../shared/base/checksum.ts';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { type Block, DamagedBlock, decodeBlock } from '../../shared/data/block.ts';
import { isFileDamage } from '../../shared/data/damage.ts';
import type { StoredInfo } from '../../shared/data/lines.ts';
import { blob } from './database.ts';
import { textOf } from './schema.ts';

/** What has to be filled again: some slots, or all there is, since the file itself cannot be used any more. */
export interface Damage {
  slots: number[] | 'all';
  why: string;
}

export class DamagedSlot extends Error {
  override readonly name = 'DamagedSlot';
  readonly slot: number;

  constructor(slot: number, what: string) {
    super(`slot ${slot}: ${what}`);
    this.slot = slot;
  }
}

export function sumOfInfo(slot: number, subject: string, info: string): number {
  return checksumText(`${slot} ${subject} ${info}`);
}

export function sumOfSummary(slot: number, subject: string, start: number, summary: string): number {
  return checksumText(`${slot} ${subject} ${start} ${summary}`);
}

export function isInfo(slot: number, subject: string, info: unknown, sum: unknown): info is string {
  return typeof info === 'string' && sumOfInfo(slot, subject, info) === sum;
}

/** The info of a subject as its row has it. */
export function readInfo(slot: number, subject: string, info: unknown, sum: unknown): StoredInfo {
  const text = textOf(info);
  if (!isInfo(slot, subject, text, sum))
    throw new DamagedSlot(slot, `the info of ${JSON.stringify(subject)} is not as it was written`);
  return JSON.parse(text) as StoredInfo;
}

/** Compares the chunks found of a subject with what its row says of them. */
export function checkChunks(
  slot: number,
  subject: string,
  found: { chunks: number; sum: number },
  row: { chunks: unknown; chunk_sum: unknown },
): void {
  if (found.chunks !== row.chunks || found.sum !== row.chunk_sum)
    throw new DamagedSlot(
      slot,
      `chunks of ${JSON.stringify(subject)} are missing, or not those written last`,
    );
}

/** The block of a chunk as its row has it. */
export function readBlock(slot: number, subject: string, data: unknown): Block {
  try {
    return decodeBlock(blob(data));
  } catch (error) {
    if (!(error instanceof DamagedBlock || error instanceof TypeError)) throw error;
    throw new DamagedSlot(slot, `a chunk of ${JSON.stringify(subject)} is not as it was written`);
  }
}

/** The damage that an error tells of, undefined where it tells of something else. */
export function damageOf(error: unknown): Damage | undefined {
  if (error instanceof DamagedSlot) return { slots: [error.slot], why: error.message };
  return isFileDamage(error) ? { slots: 'all', why: error.message } : undefined;
}

/** Runs a read: damage is told, and the question goes to another slave. */
export function guarded<Result>(onDamage: (damage: Damage) => void, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    onDamage(damage);
    throw new KamaitachiError('unavailable', 'what is stored here is damaged: ask another slave');
  }
}
