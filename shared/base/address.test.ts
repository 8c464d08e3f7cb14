import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isIn, parseAddress, parseNetwork } from './address.ts';

/** Whether the address is in the network; undefined where one of them is none. */
function has(network: string, address: string): boolean | undefined {
  const [parsedNetwork, parsedAddress] = [parseNetwork(network), parseAddress(address)];
  return parsedNetwork && parsedAddress && isIn(parsedNetwork, parsedAddress);
}

describe('an address', () => {
  test.each([
    ['0.0.0.0', [0]],
    ['10.0.0.5', [0x0a000005]],
    ['255.255.255.255', [0xffffffff]],
    ['::ffff:10.0.0.5', [0x0a000005]],
    ['::FFFF:a00:5', [0x0a000005]],
    ['0:0:0:0:0:ffff:255.255.255.255', [0xffffffff]],
    ['::', [0, 0, 0, 0]],
    ['::10.0.0.5', [0, 0, 0, 0x0a000005]],
    ['64:ff9b::10.0.0.5', [0x0064ff9b, 0, 0, 0x0a000005]],
    ['2001:db8::7', [0x20010db8, 0, 0, 7]],
    ['2001:0DB8:0000:0000:0000:0000:0000:0007', [0x20010db8, 0, 0, 7]],
    ['2001:db8:0:0::0:7', [0x20010db8, 0, 0, 7]],
    ['1:2:3:4:5:6:7::', [0x10002, 0x30004, 0x50006, 0x70000]],
    ['::2:3:4:5:6:7:8', [0x2, 0x30004, 0x50006, 0x70008]],
  ])('%s is the words %j', (text, words) => {
    expect(parseAddress(text)).toEqual(words);
  });

  test.each([
    ...[
      '',
      '.',
      '10',
      '10.0.0',
      '10.0.0.5.',
      '.10.0.0.5',
      '10..0.5',
      '10.0.0.0.5',
      '10.0.0.256',
      '010.0.0.5',
    ],
    ...[
      '10.0.0.5 ',
      '10.0.0.5:80',
      '10.0.0.5/32',
      '0x0a.0.0.5',
      '١٠.0.0.5',
      'localhost',
      'unknown',
      '-1.0.0.0',
    ],
    ...[':', ':::', '1:', ':1', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4::5:6:7:8'],
    ...['1:2:3:4:5:6:7:8:', '1::2:'],
    ...[
      '12345::',
      'g::',
      '::10.0.0',
      '::10.0.0.5:1',
      '10.0.0.5::',
      '1:2:3:4:5:6:7:10.0.0.5',
      '[::1]',
      'fe80::1%eth0',
    ],
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  test('is what the runtime takes for one', () => {
    const piece = fc.constantFrom(
      '0',
      '1',
      '10',
      '255',
      '256',
      '00',
      'ffff',
      'Ab',
      '12345',
      'g',
      '.',
      ':',
      '::',
    );
    const texts = fc.oneof(
      fc.array(piece, { maxLength: 17 }).map((pieces) => pieces.join('')),
      fc.array(piece, { minLength: 3, maxLength: 9 }).map((pieces) => pieces.join(':')),
      fc.array(piece, { minLength: 3, maxLength: 5 }).map((pieces) => pieces.join('.')),
      fc.ipV4(),
      fc.ipV6(),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(parseAddress(text) !== undefined).toBe(isIP(text) !== 0);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a network', () => {
  test.each([
    ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3'], ['9.255.255.255', '11.0.0.0', 'a00::']],
    ['10.0.0.5', ['10.0.0.5', '::ffff:a00:5'], ['10.0.0.4', '::10.0.0.5']],
    ['10.0.0.5/32', ['10.0.0.5'], ['10.0.0.4', '10.0.0.7']],
    ['192.168.4.0/23', ['192.168.4.0', '192.168.5.255'], ['192.168.3.255', '192.168.6.0']],
    ['128.0.0.0/1', ['128.0.0.0', '255.255.255.255'], ['127.255.255.255']],
    ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255'], ['::', '::1']],
    ['::ffff:10.0.0.0/104', ['10.9.9.9', '::ffff:10.9.9.9'], ['11.0.0.0', '::10.9.9.9']],
    ['::ffff:0:0/96', ['1.2.3.4'], ['::1']],
    ['fd00::/8', ['fd00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'], ['fc00::', 'fe00::', '253.0.0.0']],
    ['2001:db8::/33', ['2001:db8:7fff::1'], ['2001:db8:8000::', '2001:db9::']],
    ['fe80::/10', ['fe80::1', 'febf::1'], ['fec0::1']],
    ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::', '::2', '0.0.0.1']],
    ['::/0', ['::', 'ffff::'], ['10.0.0.5', '::ffff:10.0.0.5']],
  ])('%s has %j and not %j', (network, inside, outside) => {
    for (const address of inside) expect(has(network, address), address).toBe(true);
    for (const address of outside) expect(has(network, address), address).toBe(false);
  });

  test.each([
    ...[
      '',
      '/',
      '/8',
      '10.0.0.0/',
      '10.0.0.0/33',
      '10.0.0.0/-1',
      '10.0.0.0/08',
      '10.0.0.0/8.0',
      '10.0.0.0/ 8',
    ],
    ...[
      '10.0.0.0/8/8',
      '10.0.0.0/255.0.0.0',
      '10/8',
      '10.0.0.*',
      'fd00::/129',
      'fd00::/1e1',
      'proxy.example',
    ],
    // Bits beyond the prefix.
    ...[
      '10.0.0.5/8',
      '10.0.0.1/31',
      '128.0.0.0/0',
      'fd00::1/8',
      '::1/127',
      '::ffff:10.0.0.5/104',
      '::ffff:0:0/95',
    ],
  ])('%j is none', (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });

  test('has the addresses that begin with its bits, however they are spelt', () => {
    const kinds = [
      { width: 32, start: '' },
      { width: 128, start: '' },
      { width: 128, start: AS_IPV6 },
    ];
    const cases = fc.constantFrom(...kinds).chain(({ width, start }) =>
      fc.record({
        bits: bitsOf(width).map((bits) => (start + bits).slice(0, width)),
        length: fc.nat(width),
        other: bitsOf(width),
        shared: fc.nat(width),
        spellings: fc.tuple(spelling, spelling),
      }),
    );
    fc.assert(
      fc.property(cases, ({ bits, length, other, shared, spellings: [one, another] }) => {
        const base = bits.slice(0, length).padEnd(bits.length, '0');
        // An address that has its first bits from the network and the next one otherwise.
        const flipped = base[shared] === '0' ? '1' : '0';
        const address = (base.slice(0, shared) + flipped + other.slice(shared + 1)).slice(0, bits.length);
        const spelt = spell(base, one);
        const network = `${spelt}/${length + (spelt.includes(':') ? 128 - bits.length : 0)}`;
        expect(has(network, spell(address, another))).toBe(
          familyOf(address) === familyOf(base) && address.startsWith(base.slice(0, length)),
        );
        expect(parseNetwork(`${spell(bits, one)}${network.slice(spelt.length)}`) !== undefined).toBe(
          bits === base,
        );
      }),
      { numRuns: 5_000 },
    );
  });
});

/** Bits as text, with long runs of one kind too. */
function bitsOf(width: number): fc.Arbitrary<string> {
  const run = fc
    .record({ bit: fc.constantFrom('0', '1'), bits: fc.integer({ min: 1, max: width }) })
    .map(({ bit, bits }) => bit.repeat(bits));
  return fc
    .array(run, { minLength: width / 4, maxLength: width })
    .map((runs) => runs.join('').slice(0, width).padEnd(width, '0'));
}

const AS_IPV6 = '0'.repeat(80) + '1'.repeat(16);
const familyOf = (bits: string) => (bits.length === 32 || bits.startsWith(AS_IPV6) ? 4 : 6);

interface Spelling {
  asIpv6: boolean;
  dots: boolean;
  full: boolean;
  capitals: boolean;
  /** Which run of zero groups `::` stands for, if any. */
  from: number;
  to: number;
}
const spelling: fc.Arbitrary<Spelling> = fc.record({
  asIpv6: fc.boolean(),
  dots: fc.boolean(),
  full: fc.boolean(),
  capitals: fc.boolean(),
  from: fc.nat(7),
  to: fc.nat(8),
});

function spell(bits: string, { asIpv6, dots, full, capitals, from, to }: Spelling): string {
  if (bits.length === 32 && !asIpv6) return numbers(bits, 8).join('.');
  const whole = AS_IPV6.slice(0, 128 - bits.length) + bits;
  const hex = numbers(whole, 16).map((group) => group.toString(16).padStart(full ? 4 : 1, '0'));
  const groups = dots ? [...hex.slice(0, 6), numbers(whole.slice(96), 8).join('.')] : hex;
  const isRun =
    from < to && to <= groups.length && groups.slice(from, to).every((group) => /^0+$/.test(group));
  const text = isRun ? `${groups.slice(0, from).join(':')}::${groups.slice(to).join(':')}` : groups.join(':');
  return capitals ? text.toUpperCase() : text;
}

function numbers(bits: string, width: number): number[] {
  return Array.from({ length: bits.length / width }, (_, i) =>
    Number.parseInt(bits.slice(i * width, (i + 1) * width), 2),
  );
}
