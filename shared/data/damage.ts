/** Whether an error says that what is on disk is not what was written. Both ways to libSQL give the same codes. */
import { DamagedBlock } from './block.ts';

/** The file cannot be trusted any more: no database at all, pages that do not fit each other, a disk that cannot read. */
const FILE_DAMAGE = /^SQLITE_(NOTADB|CORRUPT|IOERR_(READ|SHORT_READ|CORRUPTFS))/;

/** A file of which nothing counts any more, as what it says of itself is not as it was written. */
export class DamagedFile extends Error {
  override readonly name = 'DamagedFile';
}

/** A row that does not fit its checksum, or text that is no UTF-8. */
export class DamagedRow extends RangeError {
  override readonly name = 'DamagedRow';
}

export function isFileDamage(error: unknown): error is Error {
  if (error instanceof DamagedFile) return true;
  return error instanceof Error && FILE_DAMAGE.test(String((error as Error & { code?: unknown }).code));
}

/** One row cannot be trusted: its page was read, and is not as it was written. */
export function isDamage(error: unknown): error is Error {
  return error instanceof DamagedBlock || error instanceof DamagedRow || isFileDamage(error);
}
