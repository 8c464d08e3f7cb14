/**
 * Remembers every value of an import by 64 bits of what it is the value of, to tell when a later one replaces it. The
 * memory is bounded: past it, everything goes to files of one range of the bits each, and is compared at the end.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../../command.ts';

export interface SeenOptions {
  /** Values that are remembered in memory, in 12 bytes each and some room. */
  maxValues?: number;
  /** A directory for the files, made when they are needed. */
  directory?: () => string;
}

/** As many as fit into 25 MB. */
const MAX_VALUES = 1_450_000;
const FIRST_SLOTS = 1 << 14;
const MAX_LOAD = 0.7;
const WORDS = 3;
const PARTS = 256;
const PART_BUFFER_WORDS = WORDS * 4096;

export class Seen {
  readonly #maxValues: number;
  readonly #directory: () => string;
  /** Slots of three words: the two of the key, and one of the value. A key is never 0 0. */
  #slots = new Uint32Array(FIRST_SLOTS * WORDS);
  #size = 0;
  #spill: Spill | undefined;
  /** Keys whose value was replaced, the first of them. */
  readonly replaced = new KeySample();
  readonly #names = new Map<string, number>();
  #isFinishing = false;

  constructor({ maxValues = MAX_VALUES, directory = tmpdir }: SeenOptions = {}) {
    this.#maxValues = maxValues;
    this.#directory = directory;
  }

  /** Whether an earlier value of the same subject, time, declared and indicator was another one, as far as is known yet. */
  add(subject: string, time: number, declared: number, indicator: string, value: number): boolean {
    const [high, low] = this.key(subject, time, declared, indicator);
    const content = contentOf(value);
    if (this.#spill !== undefined) {
      this.#spill.add(high, low, content);
      return false;
    }
    if (!this.#put(high, low, content)) return false;
    this.replaced.add(high, low);
    return true;
  }

  /** Two words that stand for what a value is of. */
  key(subject: string, time: number, declared: number, indicator: string): [number, number] {
    let name = this.#names.get(indicator);
    if (name === undefined) {
      name = this.#names.size + 1;
      this.#names.set(indicator, name);
    }
    let high = 0x9e3779b9;
    let low = 0x85ebca6b;
    for (let i = 0; i < subject.length; i++) {
      const unit = subject.charCodeAt(i);
      high = Math.imul(high ^ unit, 0x01000193);
      low = Math.imul(low ^ unit, 0x5bd1e995) ^ (low >>> 15);
    }
    for (const word of [time, Math.floor(time / 2 ** 32), declared, Math.floor(declared / 2 ** 32), name]) {
      high = mix(high ^ Math.imul(word | 0, 0xcc9e2d51));
      low = mix(Math.imul(low ^ word, 0x1b873593) + 0x7f4a7c15);
    }
    return [high >>> 0, (low | 1) >>> 0];
  }

  /** How many values replaced another that could not be told while they came: of a file larger than the memory. */
  finish(): number {
    const spill = this.#spill;
    if (spill === undefined) return 0;
    this.#spill = undefined;
    this.#isFinishing = true;
    try {
      let lost = 0;
      for (let part = 0; part < PARTS; part++) {
        this.#clear();
        for (const words of spill.read(part))
          for (let i = 0; i < words.length; i += WORDS) {
            if (!this.#put(words[i], words[i + 1], words[i + 2])) continue;
            this.replaced.add(words[i], words[i + 1]);
            lost++;
          }
      }
      return lost;
    } finally {
      this.#isFinishing = false;
      spill.remove();
      this.#clear();
    }
  }

  close(): void {
    this.#spill?.remove();
    this.#spill = undefined;
  }

  /** Whether the key was there with another value. */
  #put(high: number, low: number, content: number): boolean {
    const mask = this.#slots.length / WORDS - 1;
    let slot = (high ^ (low >>> 7)) & mask;
    for (;;) {
      const at = slot * WORDS;
      if (this.#slots[at + 1] === 0) {
        this.#slots[at] = high;
        this.#slots[at + 1] = low;
        this.#slots[at + 2] = content;
        this.#size++;
        if (this.#size > (mask + 1) * MAX_LOAD) this.#grow();
        return false;
      }
      if (this.#slots[at] === high && this.#slots[at + 1] === low) {
        const isOther = this.#slots[at + 2] !== content;
        this.#slots[at + 2] = content;
        return isOther;
      }
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const old = this.#slots;
    if (!this.#isFinishing && this.#size >= this.#maxValues) {
      this.#toFiles();
      return;
    }
    this.#slots = new Uint32Array(old.length * 2);
    this.#size = 0;
    for (let at = 0; at < old.length; at += WORDS)
      if (old[at + 1] !== 0) this.#put(old[at], old[at + 1], old[at + 2]);
  }

  /** Moves everything to files. */
  #toFiles(): void {
    const spill = new Spill(this.#directory());
    this.#spill = spill;
    for (let at = 0; at < this.#slots.length; at += WORDS)
      if (this.#slots[at + 1] !== 0) spill.add(this.#slots[at], this.#slots[at + 1], this.#slots[at + 2]);
    this.#clear();
  }

  #clear(): void {
    this.#slots = new Uint32Array(FIRST_SLOTS * WORDS);
    this.#size = 0;
  }
}

/** Some of the keys, to look for their rows. */
export class KeySample {
  readonly #keys = new Set<number>();
  static readonly MAX = 1_000;

  add(high: number, low: number): void {
    if (this.#keys.size < KeySample.MAX) this.#keys.add(whole(high, low));
  }

  has([high, low]: readonly [number, number]): boolean {
    return this.#keys.has(whole(high, low));
  }

  get size(): number {
    return this.#keys.size;
  }
}

/** Files of three words for each value, in the order they came. */
class Spill {
  readonly #directory: string;
  readonly #files: number[] = [];
  readonly #buffers: Uint32Array[] = [];
  readonly #used: number[] = [];

  constructor(directory: string) {
    this.#directory = mkdtempSync(join(directory, 'kamaitachi-import-seen-'));
    for (let part = 0; part < PARTS; part++) {
      this.#files.push(openSync(join(this.#directory, String(part)), 'w+'));
      this.#buffers.push(new Uint32Array(PART_BUFFER_WORDS));
      this.#used.push(0);
    }
  }

  add(high: number, low: number, content: number): void {
    const part = high >>> 24;
    const buffer = this.#buffers[part];
    const at = this.#used[part];
    buffer[at] = high;
    buffer[at + 1] = low;
    buffer[at + 2] = content;
    this.#used[part] = at + WORDS;
    if (at + WORDS === buffer.length) this.#write(part);
  }

  *read(part: number): Generator<Uint32Array> {
    this.#write(part);
    const buffer = this.#buffers[part];
    const bytes = new Uint8Array(buffer.buffer);
    for (let at = 0; ; ) {
      const length = readSync(this.#files[part], bytes, 0, bytes.length, at);
      if (length === 0) return;
      yield buffer.subarray(0, length / 4);
      at += length;
    }
  }

  remove(): void {
    for (const file of this.#files.splice(0)) closeSync(file);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #write(part: number): void {
    const words = this.#buffers[part].subarray(0, this.#used[part]);
    this.#used[part] = 0;
    if (words.length === 0) return;
    try {
      writeSync(this.#files[part], new Uint8Array(words.buffer, 0, words.byteLength));
    } catch (error) {
      throw new CommandError(
        `${this.#directory}: expected room to compare the values of a large file (${(error as Error).message}); TMPDIR names another directory`,
      );
    }
  }
}

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);

/** 32 bits of a value; −0 is 0. */
function contentOf(value: number): number {
  number[0] = value + 0;
  return mix(words[0] ^ Math.imul(words[1], 0x9e3779b1)) >>> 0;
}

function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Both words in one number, without the 11 bits that a double has no room for. */
function whole(high: number, low: number): number {
  return (high & 0x1fffff) * 2 ** 32 + low;
}
