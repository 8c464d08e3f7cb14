/** Files for tests of readers, and everything that is read from one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRefusal, type Refusal } from '../rows.ts';
import { Scratch } from '../scratch.ts';
import { openSource, type ReadOptions } from '../source.ts';

export interface Everything {
  name: string;
  says: string;
  columns: string[];
  /** The cells of each row. */
  rows: unknown[][];
  refused: Refusal[];
}

/** A folder that is there while a test file runs. */
export class Files {
  readonly folder = mkdtempSync(join(tmpdir(), 'kamaitachi-readers-'));
  readonly scratch = new Scratch();

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  async read(path: string, options: ReadOptions = {}): Promise<Everything> {
    const source = await openSource(path, options, this.scratch);
    const found: Everything = { name: source.name, says: source.says, columns: [], rows: [], refused: [] };
    const reading = source.read();
    for await (const row of reading.rows) {
      if (isRefusal(row)) found.refused.push(row);
      else found.rows.push('cells' in row ? [...row.cells] : [row.text]);
    }
    return { ...found, columns: reading.columns };
  }

  /** Written first. */
  readNew(name: string, content: string | Uint8Array, options?: ReadOptions): Promise<Everything> {
    return this.read(this.write(name, content), options);
  }

  remove(): void {
    this.scratch.remove();
    rmSync(this.folder, { recursive: true });
  }
}
