import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_TIME, MIN_TIME } from '../base/limits.ts';
import {
  type Block,
  blockBytes,
  DamagedBlock,
  decodeBlock,
  encodeBlock,
  PERIOD_COLUMN,
  type Points,
  schemaOf,
} from './block.ts';
import { EMPTY_BLOCK, joinBlocks, putPoints, removeRows, sliceBlock } from './block-edit.ts';

/** What a block stands for: column → time → declared → value (NaN = null; a string in the period column). */
type Model = Map<string, Map<number, Map<number, number | string>>>;

interface Observation {
  column: string;
  time: number;
  declared: number;
  value: number | string;
}

type Step =
  | { do: 'put'; observations: Observation[] }
  | { do: 'remove'; time: number | undefined; indicators: string[] | undefined }
  | { do: 'slice'; from: number; to: number; names: string[] | undefined }
  | { do: 'join'; blocks: Observation[][] };

const column = fc.constantFrom('eps', 'a', 'B', 'stock_data.open', 'roe');
// Few distinct times and declared times, so that revisions, overwrites and hits on the edges are frequent.
const time = fc.oneof(fc.integer({ min: -3, max: 6 }), fc.constantFrom(MIN_TIME, MAX_TIME, 1_703_980_800));
const declared = fc.oneof(fc.nat(3), fc.constantFrom(1_709_251_200, 0xffffffff, 0x100000000, MAX_TIME));
const value = fc.oneof(
  fc.integer({ min: -2, max: 2 }),
  fc.constant(NaN),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const observation: fc.Arbitrary<Observation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ column, time, declared, value: value.map((number) => number + 0) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      column: fc.constant(PERIOD_COLUMN),
      time,
      declared: fc.constant(0),
      value: fc.constantFrom('', '596001', '年报', '596002'),
    }),
  },
);
const observations = fc.array(observation, { maxLength: 25 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), observations }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      time: fc.option(time, { nil: undefined }),
      indicators: fc.option(fc.uniqueArray(column, { minLength: 1 }), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('slice' as const),
      from: time,
      to: time,
      names: fc.option(fc.uniqueArray(fc.oneof(column, fc.constant(PERIOD_COLUMN))), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      blocks: fc.array(observations, { maxLength: 3 }),
    }),
  },
);

describe('a block', () => {
  test('holds what a map of maps holds after any puts, removes, slices and joins', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        let block = EMPTY_BLOCK;
        const model: Model = new Map();
        for (const next of steps) {
          const before = contents(block);
          const edited = edit(block, next);
          expect(contents(block)).toEqual(before);
          block = edited;
          editModel(model, next);
          expectWellFormed(block);
          expect(contents(block)).toEqual(sorted(model));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('comes back from its bytes as it went, wherever they lie in memory', () => {
    fc.assert(
      fc.property(observations, fc.nat(9), (list, offset) => {
        const block = put(EMPTY_BLOCK, list);
        const bytes = encodeBlock(block);
        const moved = new Uint8Array(bytes.length + offset + 3);
        moved.set(bytes, offset);
        const back = decodeBlock(moved.subarray(offset, offset + bytes.length));
        expectWellFormed(back);
        expect(contents(back)).toEqual(contents(block));
        expect(encodeBlock(back)).toEqual(bytes);
      }),
    );
  });

  test('answers latest, exact and summary as the definition of "as known at K" says', () => {
    const asOf = fc.oneof(declared, fc.constant(Infinity));
    fc.assert(
      fc.property(observations, time, asOf, (list, at, known) => {
        const block = put(EMPTY_BLOCK, list);
        const model: Model = new Map();
        editModel(model, { do: 'put', observations: list });
        block.names.forEach((name, index) => {
          if (name === PERIOD_COLUMN) return;
          const values = [...model.get(name)!]
            .map(([moment, revisions]) => ({ moment, value: valueKnownAt(revisions, known) }))
            .filter(({ value }) => value !== undefined)
            .sort((a, b) => a.moment - b.moment);
          const upTo = values.filter(({ moment }) => moment <= at);
          expect(cell(block, block.latest(index, block.axisAtOrBefore(at), known))).toEqual(upTo.at(-1));
          block.times.forEach((moment, axis) => {
            const expected = values.find((value) => value.moment === moment);
            expect(cell(block, block.exact(index, axis, known))).toEqual(expected);
          });
          if (known === Infinity) {
            const summary = values.length === 0 ? [] : [values[0].moment, values.at(-1)!.moment];
            expect(block.summary()[name]).toEqual(summary);
          }
        });
        expect(Object.keys(block.summary())).toEqual([...block.names]);
      }),
      { numRuns: 500 },
    );
  });

  test('finds the greatest time on its axis that is not after a time', () => {
    fc.assert(
      fc.property(observations, time, (list, at) => {
        const block = put(EMPTY_BLOCK, list);
        expect(block.axisAtOrBefore(at)).toBe([...block.times].filter((moment) => moment <= at).length - 1);
      }),
    );
  });

  test('shares one schema between blocks of the same columns, and none between columns that merely join alike', () => {
    const one = put(EMPTY_BLOCK, [{ column: 'a', time: 1, declared: 0, value: 1 }]);
    const other = put(EMPTY_BLOCK, [{ column: 'a', time: 2, declared: 0, value: 2 }]);
    expect(other.schema).toBe(one.schema);
    expect(schemaOf(['a', 'b']).index.get('b')).toBe(1);
    expect(one.column('b')).toBe(-1);
  });

  test('are read each with its own columns and texts, whatever was read before', () => {
    const blockOf = (name: string, text: string) =>
      putPoints(
        EMPTY_BLOCK,
        new Map([
          [name, { times: [1], declared: [0], values: [2] }],
          [PERIOD_COLUMN, { times: [1], declared: [0], values: [0] }],
        ]),
        [text],
      );
    const written = [blockOf('a', 'x'), blockOf('b', 'x'), blockOf('b', 'y'), blockOf('a', 'x')];
    const read = written.map((block) => decodeBlock(encodeBlock(block)));
    for (const [i, block] of read.entries()) expect(contents(block)).toEqual(contents(written[i]));
    expect(read[2].texts).toEqual(['y']);
  });

  test('keeps more than 65,536 times', () => {
    const points: Points = { times: [], declared: [], values: [] };
    for (let i = 70_000; i > 0; i--) {
      points.times.push(i * 60);
      points.declared.push(0);
      points.values.push(i);
    }
    const block = decodeBlock(encodeBlock(putPoints(EMPTY_BLOCK, new Map([['a', points]]))));
    expect(block.rows).toBe(70_000);
    expect(cell(block, block.latest(0, block.axisAtOrBefore(69_999 * 60 + 59), Infinity))).toEqual({
      moment: 69_999 * 60,
      value: 69_999,
    });
    const small = sliceBlock(block, 60, 120);
    expect(small.at).toBeInstanceOf(Uint16Array);
    expect(contents(small)).toEqual([
      ['a', 60, 0, 1],
      ['a', 120, 0, 2],
    ]);
  });

  test('counts its bytes about as they are', () => {
    const block = put(EMPTY_BLOCK, [
      { column: 'a', time: 1, declared: 0, value: 1 },
      { column: 'b', time: 2, declared: 5, value: 2 },
    ]);
    expect(Math.abs(blockBytes(block) - encodeBlock(block).length)).toBeLessThan(64);
  });
});

describe('decodeBlock', () => {
  const bytes = encodeBlock(put(EMPTY_BLOCK, [{ column: 'a', time: 1, declared: 0, value: 1 }]));

  test('refuses bytes that are cut off, too long, or of another format', () => {
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeBlock(bytes.subarray(0, length))).toThrow(RangeError);
    expect(() => decodeBlock(new Uint8Array([...bytes, 0]))).toThrow(
      'block: its length does not fit its header',
    );
    expect(() => decodeBlock(new Uint8Array([9, ...bytes.subarray(1)]))).toThrow(
      'block: not a block of this format',
    );
  });

  test('notices every single bit that is not as it was written', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeBlock(flipped), `bit ${bit}`).toThrow(DamagedBlock);
    }
  });

  test('reads out of a Buffer, and leaves it as it was', () => {
    const buffer = Buffer.from(bytes);
    expect(encodeBlock(decodeBlock(buffer))).toEqual(bytes);
    expect(new Uint8Array(buffer)).toEqual(bytes);
  });

  test('reads blocks of the first version, which had no checksum', () => {
    const old = bytes.slice();
    old[0] = 1;
    old.fill(0, 20, 24);
    expect(encodeBlock(decodeBlock(old))).toEqual(bytes);
  });
});

function edit(block: Block, next: Step): Block {
  switch (next.do) {
    case 'put':
      return put(block, next.observations);
    case 'join':
      return joinBlocks([block, ...next.blocks.map((list) => put(EMPTY_BLOCK, list))]);
    case 'remove':
      return removed(block, next.time, next.indicators);
    case 'slice':
      return sliceBlock(block, next.from, next.to, next.names && new Set(next.names));
  }
}

function put(block: Block, list: readonly Observation[]): Block {
  const points = new Map<string, Points>();
  const texts: string[] = [];
  for (const { column, time, declared, value } of list) {
    const of = points.get(column) ?? { times: [], declared: [], values: [] };
    points.set(column, of);
    of.times.push(time);
    of.declared.push(declared);
    of.values.push(typeof value === 'string' ? texts.push(value) - 1 : value);
  }
  return putPoints(block, points, texts);
}

function editModel(model: Model, next: Step): void {
  if (next.do === 'put' || next.do === 'join') {
    for (const { column, time, declared, value } of next.do === 'put'
      ? next.observations
      : next.blocks.flat()) {
      if (!model.has(column)) model.set(column, new Map());
      const times = model.get(column)!;
      if (!times.has(time)) times.set(time, new Map());
      times.get(time)!.set(declared, value);
    }
    return;
  }
  for (const [name, times] of model) {
    if (next.do === 'remove') {
      if (name === PERIOD_COLUMN || next.indicators?.includes(name) === false) continue;
      if (next.time === undefined) model.delete(name);
      else times.delete(next.time);
    } else if (next.names?.includes(name) === false) model.delete(name);
    else for (const time of [...times.keys()]) if (time < next.from || time > next.to) times.delete(time);
  }
}

function sorted(model: Model): unknown[] {
  const rows: [string, number, number, number | string][] = [];
  for (const [name, times] of model)
    for (const [time, revisions] of times)
      for (const [declared, value] of revisions) rows.push([name, time, declared, value]);
  return rows.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1] || a[2] - b[2]));
}

/** Every observation of a block, in its own order. */
function contents(block: Block): unknown[] {
  return block.names.flatMap((name, index) =>
    Array.from({ length: block.starts[index + 1] - block.starts[index] }, (_, i) => {
      const row = block.starts[index] + i;
      const value = block.values[row];
      return [
        name,
        block.times[block.at[row]],
        block.declared[row],
        name === PERIOD_COLUMN ? block.texts[value] : value,
      ];
    }),
  );
}

function expectWellFormed(block: Block): void {
  expect([...block.names]).toEqual([...new Set(block.names)].sort());
  expect([...block.times]).toEqual([...new Set(block.times)].sort((a, b) => a - b));
  expect(new Set(block.at).size).toBe(block.times.length);
  expect(block.starts).toHaveLength(block.names.length + 1);
  block.names.forEach((_, index) => {
    expect(block.starts[index + 1]).toBeGreaterThan(block.starts[index]);
  });
  expect(new Set(block.texts).size).toBe(block.texts.length);
}

/** The value of one time as known at `known`: of the revisions declared by then the last; none where that is null. */
function valueKnownAt(revisions: Map<number, number | string>, known: number): number | string | undefined {
  const [last] = [...revisions].filter(([declared]) => declared <= known).sort((a, b) => b[0] - a[0]);
  return last === undefined || Number.isNaN(last[1]) ? undefined : last[1];
}

function cell(block: Block, row: number): { moment: number; value: number } | undefined {
  return row < 0 ? undefined : { moment: block.times[block.at[row]], value: block.values[row] };
}

/** `block` without the observations of a delete. */
function removed(block: Block, time: number | undefined, indicators: readonly string[] | undefined): Block {
  return removeRows(block, (name) => {
    if (indicators?.includes(name) === false) return 'none';
    return time === undefined ? 'all' : (at) => at === time;
  });
}
