/**
 * IP addresses and networks as numbers: however an address is spelt, it is the same one, and a network is a comparison of bits.
 * Reads character by character, since gateways do it for each request whose client they count: expressions and pieces of text
 * took several times as long.
 */

/**
 * 32 bits a word, most significant first: one word is IPv4, four are IPv6. An IPv4 address that is written as an IPv6 one
 * (`::ffff:10.0.0.5`) is IPv4.
 */
export type Address = readonly number[];

export interface Network {
  words: Address;
  /** Which bits count. */
  masks: readonly number[];
}

const MAX_CHARS = 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255'.length;
const PREFIX_LENGTH = /^(0|[1-9]\d{0,2})$/;
const IPV4_AS_IPV6 = 0xffff;

/** undefined: not an address. Octets with leading zeros are none, as some read them as octal; nor are addresses with a port or a zone. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > MAX_CHARS) return undefined;
  if (text.includes(':')) return parseIpv6(text);
  const word = ipv4At(text, 0);
  return word === undefined ? undefined : [word];
}

/**
 * `10.0.0.0/8`, or an address, which is a network of one. undefined: neither, or a network with bits set beyond its prefix:
 * whoever wrote `10.0.0.5/8` may have meant the one as well as the other.
 */
export function parseNetwork(text: string): Network | undefined {
  const [address, length, more] = text.split('/');
  const words = parseAddress(address);
  if (words === undefined || more !== undefined) return undefined;
  if (length !== undefined && !PREFIX_LENGTH.test(length)) return undefined;
  const hostBits = length === undefined ? 0 : (address.includes(':') ? 128 : 32) - Number(length);
  const prefix = words.length * 32 - hostBits;
  if (hostBits < 0 || prefix < 0) return undefined;
  const masks = words.map((_, i) => maskOf(prefix - 32 * i));
  return words.every((word, i) => (word & ~masks[i]) === 0) ? { words, masks } : undefined;
}

/** IPv4 is in no network of IPv6, not even in `::/0`. */
export function isIn({ words, masks }: Network, address: Address): boolean {
  if (words.length !== address.length) return false;
  for (let i = 0; i < words.length; i++) if (((words[i] ^ address[i]) & masks[i]) !== 0) return false;
  return true;
}

function parseIpv6(text: string): Address | undefined {
  const groups: number[] = [];
  let gap = text.startsWith('::') ? 0 : undefined;
  let at = gap === undefined ? 0 : 2;
  while (at < text.length) {
    const colon = text.indexOf(':', at);
    const end = colon < 0 ? text.length : colon;
    const group = groupAt(text, at, end);
    const word = group === undefined && colon < 0 ? ipv4At(text, at) : undefined;
    if (group !== undefined) groups.push(group);
    else if (word !== undefined) groups.push(word >>> 16, word & 0xffff);
    else return undefined;
    at = end + 1;
    if (at === text.length) return undefined;
    if (text[at] === ':') {
      if (gap !== undefined) return undefined;
      gap = groups.length;
      at++;
    }
  }
  return wordsOf(groups, gap);
}

/** `gap`: before which group `::` stands; it leaves out one group at least. */
function wordsOf(groups: number[], gap: number | undefined): Address | undefined {
  const missing = 8 - groups.length;
  if (gap === undefined ? missing !== 0 : missing < 1) return undefined;
  if (gap !== undefined) groups.splice(gap, 0, ...Array<number>(missing).fill(0));
  const [a, b, c, d, e, f, g, h] = groups;
  const last = ((g << 16) | h) >>> 0;
  if ((a | b | c | d | e) === 0 && f === IPV4_AS_IPV6) return [last];
  return [((a << 16) | b) >>> 0, ((c << 16) | d) >>> 0, ((e << 16) | f) >>> 0, last];
}

/** One to four hexadecimal digits. */
function groupAt(text: string, from: number, to: number): number | undefined {
  if (to === from || to - from > 4) return undefined;
  let group = 0;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    const digit = digitOf(code) ?? letterOf(code);
    if (digit === undefined) return undefined;
    group = group * 16 + digit;
  }
  return group;
}

/** What stands from there to the end. */
function ipv4At(text: string, from: number): number | undefined {
  let [word, dots] = [0, 0];
  let octet: number | undefined;
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const digit = digitOf(code);
    if (digit !== undefined) {
      if (octet === 0) return undefined;
      octet = (octet ?? 0) * 10 + digit;
      if (octet > 255) return undefined;
    } else if (code === 0x2e && octet !== undefined) {
      word = word * 256 + octet;
      octet = undefined;
      dots++;
    } else return undefined;
  }
  return dots === 3 && octet !== undefined ? word * 256 + octet : undefined;
}

function digitOf(code: number): number | undefined {
  return code >= 0x30 && code <= 0x39 ? code - 0x30 : undefined;
}

/** `a` to `f`, small or capital. */
function letterOf(code: number): number | undefined {
  const small = code | 0x20;
  return small >= 0x61 && small <= 0x66 ? small - 0x61 + 10 : undefined;
}

/** A word whose first `bits` are set: none below 1, all from 32. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}
