/**
 * Turns any heading into a name that an indicator may have. The name comes from the heading alone, never from its
 * place, so that one heading means the same in every file; two columns never share one.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { MAX_INDICATOR_CHARS } from '../../../shared/base/limits.ts';
import { isIndicator } from '../../../shared/base/text.ts';
import { chineseName } from './chinese.ts';

/** More than this many indicators is a mistaken column, not a data set. */
const MAX_NAMES = 10_000;
const HASH_DIGITS = 6;
/** Letters that Unicode does not take apart into a Latin one and its mark. */
const LETTERS: Record<string, string> = {
  ß: 'ss',
  æ: 'ae',
  Æ: 'Ae',
  œ: 'oe',
  Œ: 'Oe',
  ø: 'o',
  Ø: 'O',
  ł: 'l',
  Ł: 'L',
  đ: 'd',
  Đ: 'D',
  ð: 'd',
  þ: 'th',
  ı: 'i',
};

export class IndicatorNames {
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();

  /**
   * Headings that will come. Where several of them would have one name, each gets a mark of its own: which of them came
   * first must not matter.
   */
  expect(headings: readonly string[]): void {
    const wanted = new Map<string, string[]>();
    for (const heading of headings.filter((text) => text !== '' && !this.#names.has(text))) {
      const name = wantedName(heading);
      wanted.set(name, [...(wanted.get(name) ?? []), heading]);
    }
    for (const [name, sharing] of wanted) {
      // A heading that is a name already keeps it.
      const own = sharing.filter((heading) => heading === name);
      for (const heading of own) this.#add(heading, name);
      for (const heading of sharing.filter((other) => other !== name))
        this.#add(heading, sharing.length === 1 && !this.#taken.has(name) ? name : marked(name, heading));
    }
  }

  /** The indicator for a heading: always the same one; undefined once there are too many, or for an empty heading. */
  of(heading: string): string | undefined {
    const known = this.#names.get(heading);
    if (known !== undefined) return known;
    if (heading === '' || this.#names.size >= MAX_NAMES) return undefined;
    const name = wantedName(heading);
    return this.#add(heading, this.#taken.has(name) ? marked(name, heading) : name);
  }

  /** The names that had to change: `[heading, indicator]`. */
  changed(): [string, string][] {
    return [...this.#names].filter(([heading, name]) => heading !== name);
  }

  #add(heading: string, name: string): string {
    this.#names.set(heading, name);
    this.#taken.add(name);
    return name;
  }
}

/** The name of a heading that shares it with no other. */
export function wantedName(heading: string): string {
  if (isIndicator(heading)) return heading;
  const plain = heading.normalize('NFKC').trim();
  const name = known(plain) ?? spelled(plain);
  const text = /^[A-Za-z_]/.test(name) ? name : `_${name}`;
  const whole = isIndicator(text)
    ? text
    : text.length > MAX_INDICATOR_CHARS
      ? marked(text, heading)
      : `${text}_`;
  return isIndicator(whole) ? whole : marked(whole, heading);
}

/** By the dictionary, also with the unit behind it: `成交量(手)` is `volume_shou`, which is no `成交量`. */
function known(heading: string): string | undefined {
  const compact = heading.replace(/\s+/g, '');
  const [, base = compact, unit = ''] = /^(.+?)[([](.+)[)\]]$/.exec(compact) ?? [];
  const name = chineseName(compact) ?? chineseName(base);
  if (name === undefined || chineseName(compact) !== undefined) return name;
  const suffix = `_${spelled(unit)}`;
  return unit === '' || name.endsWith(suffix) ? name : name + suffix;
}

/** In letters, digits, _ and . : marks taken off, Chinese as it sounds, other characters by their code points. */
function spelled(text: string): string {
  const latin = text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .normalize('NFC')
    .replace(/%/g, ' percent ')
    .replace(/[^\u0000-\u007f]/gu, (letter) => LETTERS[letter] ?? letter);
  const words = latin.replace(/\p{Script=Han}+/gu, (han) => `_${sound(han)}_`);
  const codes = words.replace(/[^\u0000-\u007f]+/gu, (run) => {
    const letters = [...run].filter((letter) => /[\p{L}\p{N}]/u.test(letter));
    return letters.length === 0 ? '_' : `_${letters.map(codePoint).join('_')}_`;
  });
  const name = codes
    .replace(/[^A-Za-z0-9_.]+/g, '_')
    .replace(/_{2,}/g, '_')
    .replace(/^_+|_+$/g, '');
  // A heading of nothing but signs: they are all that tells it from others.
  if (name === '') return `u_${[...text].map((sign) => sign.codePointAt(0)!.toString(16)).join('_')}`;
  return /^[\da-f]{4,}(_|$)/.test(name) && !/^[\x20-\x7e]/.test(text) ? `u_${name}` : name;
}

function codePoint(letter: string): string {
  return letter.codePointAt(0)!.toString(16).padStart(4, '0');
}

/** The name with a few digits that come from the heading. */
function marked(name: string, heading: string): string {
  const mark = createHash('sha256').update(heading).digest('hex').slice(0, HASH_DIGITS);
  return `${name.slice(0, MAX_INDICATOR_CHARS - HASH_DIGITS - 1)}_${mark}`;
}

let pinyin: typeof import('pinyin-pro').pinyin | undefined;

/** The syllables in pinyin. The library is large, and most files have no need of it. */
function sound(han: string): string {
  pinyin ??= (createRequire(import.meta.url)('pinyin-pro') as typeof import('pinyin-pro')).pinyin;
  const syllables = pinyin(han, { toneType: 'none', type: 'array', v: true });
  return syllables
    .map((syllable, i) => (/^[a-z]+$/.test(syllable) ? syllable : codePoint([...han][i])))
    .join('_');
}
