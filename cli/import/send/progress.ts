/**
 * Remembers, in a small file beside the imported one, how far an import has come. It also holds a random name for the
 * run, which is part of every Idempotency-Key: sent twice, a batch is written once; but a later import of
 * the same file writes everything again, as it must if the data was deleted or overwritten in between.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  appendFileSync,
  createReadStream,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { ImportOptions } from '../import-options.ts';
import { STDIN } from '../read/content.ts';
import type { Refusal } from '../read/rows.ts';

export interface Progress {
  /** The file's content and the options, as one hash: with others, an import begins anew. */
  identity: string;
  run: string;
  batches: number;
  rows: number;
  lines: number;
  observations: number;
  /** Rows whose values count as always known because their declared is empty. */
  undeclared: number;
  /** Reason → how often, and the first value that was refused for it. */
  refused: Record<string, { count: number; value: string }>;
  rejectBytes: number;
}

/** Reasons may hold values; past this many different ones they are counted together. */
const MAX_REASONS = 50;
/** Of the progress file: one of another format is another import's. */
const FORMAT = '3';

export class ProgressFile {
  readonly progress: Progress;
  readonly resumed: boolean;
  readonly rejectsPath: string;
  readonly #path: string;

  /** `prefix` is the path without `.progress.json` and `.rejects.ndjson`. */
  constructor(prefix: string, identity: string) {
    this.#path = `${prefix}.progress.json`;
    this.rejectsPath = `${prefix}.rejects.ndjson`;
    const found = readProgress(this.#path);
    this.resumed = found?.identity === identity;
    this.progress = this.resumed ? found! : fresh(identity);
    // Rejects of a batch that was not finished will be written again.
    if (!this.resumed) rmSync(this.rejectsPath, { force: true });
    else if (existsSync(this.rejectsPath)) truncateSync(this.rejectsPath, this.progress.rejectBytes);
    this.save();
  }

  /** A batch is done: what it wrote and what it did not. */
  add(
    file: string,
    done: {
      rows: number;
      lines: number;
      observations: number;
      undeclared: number;
      refused: readonly Refusal[];
    },
  ): void {
    const { progress } = this;
    const text = done.refused.map((refusal) => `${JSON.stringify({ file, ...refusal })}\n`).join('');
    if (text !== '') appendFileSync(this.rejectsPath, text);
    progress.rejectBytes += Buffer.byteLength(text);
    progress.batches++;
    progress.rows += done.rows;
    progress.lines += done.lines;
    progress.observations += done.observations;
    progress.undeclared += done.undeclared;
    count(progress.refused, done.refused);
    this.save();
  }

  save(): void {
    const next = `${this.#path}.new`;
    writeFileSync(next, JSON.stringify(this.progress));
    renameSync(next, this.#path);
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }
}

/** Beside the file, or where that is not writable, in the directory for temporary files. */
export function openProgress(path: string, identity: string): ProgressFile {
  // The same bytes piped in again carry on.
  if (path === STDIN)
    return new ProgressFile(join(tmpdir(), `kamaitachi-stdin-${identity.slice(0, 12)}`), identity);
  try {
    return new ProgressFile(path, identity);
  } catch (error) {
    if (!['EACCES', 'EROFS', 'EPERM', 'ENOSPC'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
    const place = createHash('sha256').update(resolve(path)).digest('hex').slice(0, 12);
    return new ProgressFile(join(tmpdir(), `kamaitachi-${place}-${basename(path)}`), identity);
  }
}

/** `says` is the plan in words: of several files it may be another when one is added. */
export async function identityOf(
  path: string,
  options: ImportOptions,
  says: readonly string[],
): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece);
  // What a SQLite file has not taken in yet stands beside it.
  if (existsSync(`${path}-wal`)) hash.update(readFileSync(`${path}-wal`));
  return hash
    .update(FORMAT)
    .update(JSON.stringify({ ...options, key: undefined, tlsCa: undefined, says }))
    .digest('hex');
}

export function count(refused: Progress['refused'], more: readonly Refusal[]): void {
  for (const { reason, value = '' } of more) {
    const key =
      Object.hasOwn(refused, reason) || Object.keys(refused).length < MAX_REASONS ? reason : 'other reasons';
    if (Object.hasOwn(refused, key)) refused[key].count++;
    else refused[key] = { count: 1, value };
  }
}

export function fresh(identity: string): Progress {
  return {
    identity,
    run: randomUUID(),
    batches: 0,
    rows: 0,
    lines: 0,
    observations: 0,
    undeclared: 0,
    refused: {},
    rejectBytes: 0,
  };
}

function readProgress(path: string): Progress | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Progress;
  } catch {
    // Missing, unreadable or cut off: the import begins anew, and writes the same values again.
    return undefined;
  }
}
