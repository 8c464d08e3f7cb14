/** Files of this import's own: what has to be unpacked or copied before it can be read. They go when it ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../../command.ts';

/** Share of the free space that one file may take. */
const MAX_SHARE = 0.5;

export class Scratch {
  #folder: string | undefined;
  #count = 0;
  readonly #remove = (): void => this.remove();

  /** A folder of its own for every caller: a copy may have to keep its name. */
  folder(): string {
    if (this.#folder === undefined) {
      this.#folder = mkdtempSync(join(tmpdir(), 'kamaitachi-import-'));
      // A second Ctrl-C ends the process without a word to anyone else.
      process.once('exit', this.#remove);
    }
    return mkdtempSync(join(this.#folder, `${++this.#count}-`));
  }

  /** Writes pieces into a file and answers its path. `what` names them where they do not fit. */
  async spool(pieces: AsyncIterable<Uint8Array>, what: string): Promise<string> {
    const folder = this.folder();
    const { bavail, bsize } = await statfs(folder);
    const most = bavail * bsize * MAX_SHARE;
    const path = join(folder, 'content');
    const file = await open(path, 'wx', 0o600);
    try {
      let bytes = 0;
      for await (const piece of pieces) {
        bytes += piece.length;
        if (bytes > most)
          throw new CommandError(
            `${what}: expected at most ${Math.floor(most / 2 ** 20)} MiB, half of what is free in ${tmpdir()} (TMPDIR names another folder)`,
            2,
          );
        await file.writeFile(piece);
      }
    } finally {
      await file.close();
    }
    return path;
  }

  remove(): void {
    process.off('exit', this.#remove);
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
