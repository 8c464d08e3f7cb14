import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SLOTS } from '../ownership/slot.ts';
import {
  decodePage,
  encodePage,
  encodeSegments,
  filterSegments,
  readSegments,
  segmentLines,
} from './feed.ts';

const blob = fc.uint8Array({ maxLength: 40 });
const line = fc
  .dictionary(fc.constantFrom('a', '同'), fc.string({ unit: 'grapheme' }))
  .map((value) => JSON.stringify(value));
const bySlot = fc
  .array(fc.tuple(fc.nat(SLOTS - 1), fc.array(line, { minLength: 1, maxLength: 5 })), { maxLength: 8 })
  .map((entries) => new Map(entries));

describe('a page', () => {
  test('comes back as it went, wherever its bytes lie in memory', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(blob), fc.nat(5), (value, blobs, offset) => {
        const page = encodePage({ value }, blobs);
        const moved = new Uint8Array(page.length + offset);
        moved.set(page, offset);
        const back = decodePage<{ value: unknown }>(moved.subarray(offset));
        expect(back.header).toEqual(JSON.parse(JSON.stringify({ value })));
        expect(back.blobs.map((bytes) => [...bytes])).toEqual(blobs.map((bytes) => [...bytes]));
      }),
    );
  });

  test('that is cut off anywhere, or too long, is refused', () => {
    const page = encodePage({ upTo: 5 }, [new Uint8Array([1, 2, 3]), new Uint8Array([4])]);
    for (let length = 0; length < page.length; length++)
      expect(() => decodePage(page.subarray(0, length))).toThrow(RangeError);
    expect(() => decodePage(new Uint8Array([...page, 0]))).toThrow(
      'feed page: its blobs do not fit its length',
    );
  });
});

describe('segments', () => {
  test('give back every line of every slot, in order', () => {
    fc.assert(
      fc.property(bySlot, (lines) => {
        expect(linesOf(encodeSegments(lines))).toEqual(new Map(lines));
      }),
    );
  });

  test('filtered by slots hold the lines of these slots and no others', () => {
    fc.assert(
      fc.property(bySlot, fc.array(fc.nat(SLOTS - 1)), (lines, more) => {
        const wanted = new Set([...[...lines.keys()].filter((_, i) => i % 2 === 0), ...more]);
        const filtered = linesOf(filterSegments(encodeSegments(lines), wanted));
        expect(filtered).toEqual(new Map([...lines].filter(([slot]) => wanted.has(slot))));
      }),
    );
  });

  test('hold many lines of a slot, up to a bound, and never a part of one', () => {
    const lines = new Map([
      [1, Array.from({ length: 1_000 }, (_, i) => JSON.stringify({ i, text: 'x'.repeat(i % 300) }))],
      [2, ['"short"', JSON.stringify('ä€😀'.repeat(50_000)), '"last"']],
    ]);
    const entry = encodeSegments(lines);
    const segments = [...readSegments(entry)];
    expect(segments.map(({ slot }) => slot)).toEqual([...segments.map(({ slot }) => slot)].sort());
    expect(segments.length).toBeLessThan(15);
    expect(
      Math.max(...segments.filter(({ slot }) => slot === 1).map(({ bytes }) => bytes.length)),
    ).toBeLessThan(33_000);
    expect(linesOf(entry)).toEqual(lines);
  });

  test('of nothing are nothing', () => {
    expect(encodeSegments(new Map())).toEqual(new Uint8Array());
    expect([...readSegments(new Uint8Array())]).toEqual([]);
  });

  test('that are cut off anywhere inside are refused', () => {
    const entry = encodeSegments(
      new Map([
        [1, ['{"a":1}']],
        [2, ['{"b":2}', '{"c":3}']],
      ]),
    );
    const whole = new Set([0]);
    let end = 0;
    for (const { bytes } of readSegments(entry)) {
      end += bytes.length + 8;
      whole.add(end);
    }
    for (let length = 0; length < entry.length; length++) {
      const read = () => [...readSegments(entry.subarray(0, length))];
      if (whole.has(length)) expect(read).not.toThrow();
      else expect(read).toThrow('log segment: cut off');
    }
  });
});

function linesOf(entry: Uint8Array): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const segment of readSegments(entry))
    found.set(segment.slot, [...(found.get(segment.slot) ?? []), ...segmentLines(segment)]);
  return found;
}
