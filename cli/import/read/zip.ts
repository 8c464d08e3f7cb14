/** What is in a zip file, and the bytes of one file of it. */
import type { Readable } from 'node:stream';
import yauzl from 'yauzl';
import { CommandError } from '../../command.ts';

/** Left behind by systems that pack; nobody's data. */
const DEBRIS = /(^|\/)(__MACOSX\/|\.DS_Store$|Thumbs\.db$|desktop\.ini$)|\/$/;

/** The files of a zip, without folders. `shown` is how the user named it. */
export async function entriesOf(shown: string, path: string): Promise<yauzl.Entry[]> {
  const zip = await opened(shown, path);
  try {
    const entries: yauzl.Entry[] = [];
    await new Promise<void>((resolve, reject) => {
      zip.on('entry', (entry: yauzl.Entry) => {
        if (!DEBRIS.test(entry.fileName)) entries.push(entry);
        zip.readEntry();
      });
      zip.once('end', resolve).once('error', reject);
      zip.readEntry();
    });
    return entries;
  } catch (error) {
    throw broken(shown, error);
  } finally {
    zip.close();
  }
}

/** The stream must be read to its end or destroyed: the file is open as long. */
export async function openEntry(shown: string, path: string, entry: yauzl.Entry): Promise<Readable> {
  if (entry.isEncrypted())
    throw new CommandError(`${shown}: ${entry.fileName} has a password; unpack it first`, 2);
  const zip = await opened(shown, path);
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error !== null) {
        zip.close();
        return reject(broken(shown, error));
      }
      stream.once('close', () => zip.close());
      resolve(stream);
    });
  });
}

function opened(shown: string, path: string): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: false }, (error, zip) =>
      error === null ? resolve(zip) : reject(broken(shown, error)),
    );
  });
}

function broken(shown: string, error: unknown): CommandError {
  return new CommandError(`${shown}: the zip file cannot be read (${(error as Error).message})`, 2);
}
