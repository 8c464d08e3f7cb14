/** How the text of a file is written, and the same text as UTF-8. */
import { isAscii, isUtf8 } from 'node:buffer';
import { analyse } from 'chardet';
import { CommandError } from '../../command.ts';
import { type Bytes, type Content, HEAD_BYTES, startsWith } from './content.ts';

export interface TextContent extends Content {
  /** The label of its encoding, as TextDecoder has it. */
  encoding: string;
  /** The beginning of the text. */
  text: string;
  /** In UTF-8. */
  open(): Bytes;
}

const KNOWN_FILES = 'CSV, JSON, Excel, Parquet, Arrow or SQLite';
/** Of the encodings told apart by themselves. */
const NAMES: Record<string, string> = {
  'utf-8': 'UTF-8',
  'utf-16le': 'UTF-16 LE',
  'utf-16be': 'UTF-16 BE',
  'windows-1252': 'CP1252',
  gb18030: 'GB18030',
};
/** What people call them, and TextDecoder does not. */
const ALIASES: Record<string, string> = {
  cp936: 'gbk',
  cp949: 'euc-kr',
  cp950: 'big5',
  cp932: 'shift_jis',
  utf16: 'utf-16le',
  utf8: 'utf-8',
  'utf-8-sig': 'utf-8',
  latin9: 'iso-8859-15',
};
/** The library's word for another encoding is taken from here on; below it says as much of any text. */
const MIN_CONFIDENCE = 50;
/** Names have rarer characters too. Of Big5's characters half are others, as are those of Shift JIS. */
const MIN_PAIRED = 0.75;
/** Letters of the West and of Central Europe: a text that is Chinese by its pairs has none. */
const LONE_LETTERS = /^(ISO-8859-[1-49]|windows-125[02478])$/;
/** With so few of them, pairs of bytes may be Western letters that happen to stand side by side. */
const FEW_RUNS = 4;
/** Signs within words, which are letters in the encodings of Eastern Europe. */
const MISPLACED = /\p{L}[¡-©¬-±³-¹»-¿×÷]\p{L}|[£¤¥¦¨¯´¸¼½¾]\p{L}/u;

/** Tells the encoding, or takes the one given. */
export async function asText(content: Content, given: string | undefined): Promise<TextContent> {
  const encoding = given === undefined ? await guessEncoding(content) : labelOf(given);
  const text = new TextDecoder(encoding).decode(content.head, { stream: true });
  if (text.trim() === '')
    throw new CommandError(`${content.path}: the file is empty; there is nothing to import`, 2);
  const says = encoding === 'utf-8' ? content.says : [...content.says, NAMES[encoding] ?? encoding];
  const open = encoding === 'utf-8' ? content.open : () => transcoded(content.open(), encoding);
  return { ...content, encoding, text, says, open };
}

function labelOf(given: string): string {
  const name = given.trim().toLowerCase().replaceAll('_', '-');
  const label = ALIASES[name] ?? name.replace(/^cp-?(\d+)$/, 'windows-$1').replace(/^gb-?18030$/, 'gb18030');
  try {
    return new TextDecoder(label).encoding;
  } catch {
    const known = Object.values(NAMES).map((known) => known.replace(' ', '').toLowerCase());
    throw new CommandError(
      `--encoding: expected a name such as ${known.join(', ')}, big5 or shift_jis, got ${given}`,
      2,
    );
  }
}

async function guessEncoding(content: Content): Promise<string> {
  const { head, path } = content;
  if (startsWith(head, 0xef, 0xbb, 0xbf)) return 'utf-8';
  if (startsWith(head, 0xff, 0xfe)) return 'utf-16le';
  if (startsWith(head, 0xfe, 0xff)) return 'utf-16be';
  if (head.includes(0)) {
    const encoding = wide(head);
    if (encoding !== undefined) return encoding;
    throw new CommandError(`${path}: expected ${KNOWN_FILES}, got some other binary file`, 2);
  }
  const sample = isAscii(head) ? await firstBeyondAscii(content) : head;
  return sample === undefined ? 'utf-8' : narrow(path, sample);
}

/** UTF-16 without its mark: every other byte of what is mostly ASCII is 0. */
function wide(head: Buffer): string | undefined {
  const zeros = [0, 0];
  for (let i = 0; i < head.length; i++) if (head[i] === 0) zeros[i % 2]++;
  const [even, odd] = zeros;
  if (Math.max(even, odd) < head.length / 8 || Math.min(even, odd) > Math.max(even, odd) / 20)
    return undefined;
  return odd > even ? 'utf-16le' : 'utf-16be';
}

/** The first part of the file that has more than ASCII in it; undefined where there is none. */
async function firstBeyondAscii(content: Content): Promise<Buffer | undefined> {
  let kept: Buffer[] = [];
  let bytes = 0;
  for await (const piece of content.open().pieces) {
    if (bytes === 0 && isAscii(piece)) {
      kept = [piece];
      continue;
    }
    // With the piece before it: a character may lie over the edge.
    kept.push(piece);
    bytes += piece.length;
    if (bytes >= HEAD_BYTES) break;
  }
  return bytes === 0 ? undefined : Buffer.concat(kept);
}

function narrow(path: string, sample: Buffer): string {
  // The last character may be cut in two by the end of the sample.
  const whole = sample.subarray(0, sample.length - cutBytes(sample));
  if (isUtf8(whole)) return 'utf-8';
  const { wholes, broken } = utf8Sequences(sample);
  // Damaged here and there: the rows that are will be refused.
  if (wholes > broken * 9) return 'utf-8';
  const lines = linesBeyondAscii(sample);
  const { length, runs, paired, lone } = runsOf(lines);
  const chinese = decodes(lines, 'gb18030') && paired >= MIN_PAIRED;
  const noControls = !lines.some((byte) => [0x81, 0x8d, 0x8f, 0x90, 0x9d].includes(byte));
  const words = !MISPLACED.test(new TextDecoder('windows-1252').decode(lines));
  const western = noControls && words && (lone >= 0.5 || (runs < FEW_RUNS && length <= 2));
  if (chinese === western) return unclear(path);
  const guess = chinese ? 'gb18030' : 'windows-1252';
  return isOvertaken(lines, guess) ? unclear(path) : guess;
}

function unclear(path: string): never {
  throw new CommandError(
    `--encoding: ${path} is not UTF-8, and more than one other encoding is possible; expected one of windows-1252, gb18030, big5, shift_jis, windows-1251, iso-8859-2 or another`,
    2,
  );
}

function cutBytes(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back;
  }
  return 0;
}

function utf8Sequences(sample: Buffer): { wholes: number; broken: number } {
  const text = new TextDecoder().decode(sample);
  let [wholes, broken] = [0, 0];
  for (const character of text) {
    if (character === '\ufffd') broken++;
    else if (character > '\u007f') wholes++;
  }
  return { wholes, broken };
}

/** Only these lines say anything about the encoding; more of the others would make a detector less sure. */
function linesBeyondAscii(sample: Buffer): Buffer {
  const lines: Buffer[] = [];
  for (let from = 0; from < sample.length; ) {
    const found = sample.indexOf(10, from);
    const end = found < 0 ? sample.length : found + 1;
    const line = sample.subarray(from, end);
    // One that is cut off may end within a character.
    if (!isAscii(line) && (found >= 0 || sample.length < HEAD_BYTES)) lines.push(line);
    from = end;
  }
  return Buffer.concat(lines);
}

interface Runs {
  /** Of bytes beyond ASCII that stand side by side. */
  runs: number;
  /** The longest one's. */
  length: number;
  /** Share of the pairs of bytes that are characters of GB 2312, those that Chinese texts are made of. */
  paired: number;
  /** Share of the runs that are one byte long: a letter within a Western word. */
  lone: number;
}

function runsOf(bytes: Buffer): Runs {
  let [runs, length, lone, pairs, common] = [0, 0, 0, 0, 0];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] < 0x80) continue;
    let end = i;
    while (end < bytes.length && bytes[end] >= 0x80) end++;
    runs++;
    length = Math.max(length, end - i);
    if (end - i === 1) lone++;
    for (let at = i; at < end; at += 2) {
      pairs++;
      if (bytes[at] >= 0xa1 && bytes[at] <= 0xf7 && bytes[at + 1] >= 0xa1) common++;
    }
    i = end;
  }
  return { runs, length, paired: common / pairs, lone: lone / runs };
}

function decodes(bytes: Buffer, encoding: string): boolean {
  try {
    new TextDecoder(encoding, { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Whether a detector of many encodings is surer of another one that reads other characters. */
function isOvertaken(bytes: Buffer, guess: string): boolean {
  const decoded = (encoding: string): string | undefined => {
    try {
      return new TextDecoder(encoding).decode(bytes);
    } catch {
      return undefined;
    }
  };
  const own = decoded(guess);
  const other = analyse(bytes).filter(({ name }) => guess !== 'gb18030' || !LONE_LETTERS.test(name));
  const matches = other.map(({ name, confidence }) => ({ confidence, text: decoded(name) }));
  const sure = matches.find(({ text }) => text === own)?.confidence ?? 0;
  return matches.some(
    ({ confidence, text }) =>
      text !== undefined && text !== own && confidence >= MIN_CONFIDENCE && confidence > sure,
  );
}

function transcoded(bytes: Bytes, encoding: string): Bytes {
  async function* pieces(): AsyncGenerator<Buffer> {
    const decoder = new TextDecoder(encoding);
    for await (const piece of bytes.pieces) yield Buffer.from(decoder.decode(piece, { stream: true }));
    yield Buffer.from(decoder.decode());
  }
  return { pieces: pieces(), done: bytes.done };
}
