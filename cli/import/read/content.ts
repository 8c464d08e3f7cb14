/** The bytes of a file as they are read: unpacked from gzip or zip, and from standard input where the file is `-`. */
import { createReadStream, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CommandError } from '../../command.ts';
import type { Scratch } from './scratch.ts';
import { entriesOf, openEntry } from './zip.ts';

/** Standard input, as it is written in place of a file. */
export const STDIN = '-';
/** Enough to tell what kind of file it is, and how its text is written. */
export const HEAD_BYTES = 256 * 1024;
/** A file packed more often than this was made to be in the way. */
const MAX_WRAPPINGS = 4;

/** One pass over the bytes. */
export interface Bytes {
  pieces: AsyncIterable<Buffer>;
  /** How far it has come, 0 to 1. */
  done(): number;
}

export interface Content {
  /** As the user named it. */
  path: string;
  /** Of the data, without the ending of what it was packed in. */
  name: string;
  /** The bytes that the file has, for telling whether it is still the same: those of standard input are kept. */
  origin: string;
  /** What was unpacked, in words. */
  says: string[];
  head: Buffer;
  open(): Bytes;
  /** The path of a file with these bytes, to be read at any place. */
  local(): Promise<string>;
  /** Places for files that the readers need. */
  scratch: Scratch;
}

export async function openContent(path: string, scratch: Scratch): Promise<Content> {
  const isStdin = path === STDIN;
  const origin = isStdin ? await scratch.spool(process.stdin, 'standard input') : path;
  const shown = isStdin ? 'standard input' : path;
  const name = isStdin ? 'stdin' : basename(path);
  await checkFile(shown, origin);
  let content: Content = {
    path: shown,
    name,
    origin,
    says: [],
    head: await headOf(shown, () => pieces(createReadStream(origin, { end: HEAD_BYTES - 1 }))),
    open: () => fileBytes(origin),
    local: () => Promise.resolve(origin),
    scratch,
  };
  for (let i = 0; ; i++) {
    const next = await unwrapped(content);
    if (next === undefined) return content;
    if (i === MAX_WRAPPINGS)
      throw new CommandError(`${shown}: packed more than ${MAX_WRAPPINGS} times; unpack it first`, 2);
    content = next;
  }
}

async function checkFile(shown: string, path: string): Promise<void> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(
      `${shown}: ${error.code === 'ENOENT' ? 'no such file; check the name' : error.message}`,
      2,
    );
  });
  if (!info.isFile()) throw new CommandError(`${shown}: expected a file, got a directory or device`, 2);
  if (info.size === 0) throw new CommandError(`${shown}: the file is empty; there is nothing to import`, 2);
  const file = await open(path).catch((error: Error) => {
    throw new CommandError(`${shown}: cannot be read (${error.message})`, 2);
  });
  await file.close();
}

async function headOf(path: string, read: () => AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const piece of read()) {
    parts.push(piece);
    bytes += piece.length;
    if (bytes >= HEAD_BYTES) break;
  }
  if (bytes === 0) throw new CommandError(`${path}: the file is empty; there is nothing to import`, 2);
  return Buffer.concat(parts).subarray(0, HEAD_BYTES);
}

/** What is inside; undefined where nothing is packed. */
async function unwrapped(content: Content): Promise<Content | undefined> {
  const { head } = content;
  if (startsWith(head, 0x1f, 0x8b)) {
    const open = (): Bytes => gunzipped(content.open());
    return inside(content, content.name.replace(/\.t?gz(ip)?$/i, ''), 'unpacked from gzip', open);
  }
  if (!startsWith(head, 0x50, 0x4b, 3, 4)) return undefined;
  const path = await content.local();
  const entries = await entriesOf(content.path, path);
  if (isOffice(entries.map(({ fileName }) => fileName))) return undefined;
  if (entries.length !== 1) {
    const names = entries.map(({ fileName }) => fileName);
    const found = names.length === 0 ? 'none' : `${names.length}: ${names.slice(0, 10).join(', ')}`;
    throw new CommandError(
      `${content.path}: expected a zip with one file in it, got ${found}; unpack it and name those to import`,
      2,
    );
  }
  const [entry] = entries;
  const open = (): Bytes => {
    let read = 0;
    const size = entry.uncompressedSize;
    async function* unpacked(): AsyncGenerator<Buffer> {
      for await (const piece of pieces(await openEntry(content.path, path, entry))) {
        read += piece.length;
        yield piece;
      }
    }
    return { pieces: unpacked(), done: () => (size === 0 ? 1 : read / size) };
  };
  return inside(content, basename(entry.fileName), `${entry.fileName}, unpacked from zip`, open);
}

/** Office files are zip files; the readers open them as they are. */
export function isOffice(names: readonly string[]): boolean {
  return names.some((name) => /^(xl\/workbook\.(xml|bin)|word\/document\.xml|content\.xml)$/.test(name));
}

async function inside(content: Content, name: string, says: string, unpack: () => Bytes): Promise<Content> {
  const open = (): Bytes => {
    const { pieces, done } = unpack();
    return { pieces: unpacked(content.path, pieces), done };
  };
  let path: Promise<string> | undefined;
  return {
    ...content,
    name,
    says: [...content.says, says],
    head: await headOf(content.path, () => open().pieces),
    open,
    local: () => (path ??= content.scratch.spool(open().pieces, content.path)),
  };
}

/** Names the file where its bytes turn out to be damaged. */
async function* unpacked(path: string, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* pieces;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${path}: cannot be unpacked (${(error as Error).message})`, 2);
  }
}

function fileBytes(path: string): Bytes {
  const size = statSync(path).size;
  let read = 0;
  // The file is opened with the first piece: a pass that is never made leaves nothing open.
  async function* all(): AsyncGenerator<Buffer> {
    for await (const piece of pieces(createReadStream(path, { highWaterMark: HEAD_BYTES }))) {
      read += piece.length;
      yield piece;
    }
  }
  return { pieces: all(), done: () => (size === 0 ? 1 : Math.min(1, read / size)) };
}

function gunzipped(packed: Bytes): Bytes {
  async function* unpacked(): AsyncGenerator<Buffer> {
    const gunzip = createGunzip({ chunkSize: HEAD_BYTES });
    const feeding = feed(packed.pieces, gunzip);
    try {
      yield* pieces(gunzip);
    } finally {
      gunzip.destroy();
      await feeding;
    }
  }
  return { pieces: unpacked(), done: packed.done };
}

/** Writes pieces into a stream until it has all of them or is destroyed; an error of theirs becomes the stream's. */
async function feed(from: AsyncIterable<Buffer>, to: NodeJS.WritableStream & Readable): Promise<void> {
  try {
    for await (const piece of from) {
      if (to.destroyed) return;
      if (!to.write(piece)) await drained(to);
    }
    if (!to.destroyed) to.end();
  } catch (error) {
    to.destroy(error as Error);
  }
}

function drained(stream: NodeJS.WritableStream & Readable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
    if (stream.destroyed) done();
  });
}

async function* pieces(stream: Readable): AsyncGenerator<Buffer> {
  for await (const piece of stream) yield piece as Buffer;
}

export function startsWith(head: Uint8Array, ...bytes: number[]): boolean {
  return bytes.every((byte, i) => head[i] === byte);
}
