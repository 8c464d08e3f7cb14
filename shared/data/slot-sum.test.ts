import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBlock, encodeBlock, schemaOf } from './block.ts';
import { foldSubject } from './fold.ts';
import type { Chunk, IngestLine, StampedLine, StoredInfo } from './lines.ts';
import { type StoredState, slotSum } from './slot-sum.ts';

/** A subject, folded `batch` lines at a time: other batches, other places where its chunks are cut. */
function folded(subject: string, lines: readonly StampedLine[], batch: number): StoredState | undefined {
  let info: StoredInfo | null = null;
  const chunks = new Map<number, Chunk>();
  for (let at = 0; at < lines.length; at += batch) {
    const before = { info, chunks: [...chunks.values()].sort((a, b) => a.start - b.start) };
    const change = foldSubject(subject, before, lines.slice(at, at + batch));
    for (const start of change.removed) chunks.delete(start);
    for (const chunk of change.chunks) chunks.set(chunk.start, chunk);
    info = change.info;
  }
  return info === null
    ? undefined
    : { subject, info, chunks: [...chunks.values()].sort((a, b) => a.start - b.start) };
}

const record = fc.record({
  type: fc.constant('record' as const),
  subject: fc.constant('s'),
  time: fc.integer({ min: 0, max: 40 }).map((step) => step * 1_000),
  declared: fc.constantFrom(0, 5),
  period: fc.constantFrom('', '596001'),
  values: fc.dictionary(fc.constantFrom('a', 'b', 'eps'), fc.option(fc.integer({ min: -3, max: 3 })), {
    minKeys: 1,
    noNullPrototype: true,
  }),
});
const info = fc.record({
  type: fc.constant('subject' as const),
  subject: fc.constant('s'),
  name: fc.constantFrom('x', '同花顺'),
  tags: fc.dictionary(fc.constantFrom('concept', 'x'), fc.array(fc.constantFrom('p', 'q')), {
    noNullPrototype: true,
  }),
});
const removal = fc.record({
  type: fc.constant('delete' as const),
  subject: fc.constant('s'),
  time: fc.integer({ min: 0, max: 40 }).map((step) => step * 1_000),
});
const member = fc.record({
  type: fc.constant('member' as const),
  topic: fc.constantFrom('p', 'q'),
  subject: fc.constant('s'),
  from: fc.constantFrom(1, 2),
  to: fc.constantFrom(null, 3),
  declared: fc.constantFrom(0, 5),
});
const line: fc.Arbitrary<IngestLine> = fc.oneof(
  { weight: 6, arbitrary: record },
  { weight: 1, arbitrary: info },
  { weight: 2, arbitrary: member },
  { weight: 1, arbitrary: removal },
);
/** Enough of one subject that it is more than one chunk. */
const wide: IngestLine[] = Array.from({ length: 600 }, (_, i) => ({
  type: 'record',
  subject: 's',
  time: i * 70,
  values: Object.fromEntries(Array.from({ length: 12 }, (_, column) => [`c${column}`, i + column])),
}));

describe('slotSum', () => {
  test('is the same however the lines came in, and wherever chunks are cut', () => {
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 50 }),
        (some, isWide, batch) => {
          const lines = [...(isWide ? wide : []), ...some].map((line, i) => ({ line, at: 1_000 + i }));
          const once = folded('s', lines, lines.length);
          const steps = folded('s', lines, batch);
          expect(slotSum(steps ? [steps] : [])).toBe(slotSum(once ? [once] : []));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('sees chunks that are really cut in other places', () => {
    const lines = wide.map((line) => ({ line, at: 1 }));
    const [once, steps] = [folded('s', lines, 600)!, folded('s', lines.toReversed(), 7)!];
    expect(once.chunks.map(({ start }) => start)).not.toEqual(steps.chunks.map(({ start }) => start));
    expect(slotSum([steps])).toBe(slotSum([once]));
  });

  test('does not depend on the order in which subjects are read', () => {
    const [a, b] = ['a', 'b'].map((name) => ({
      ...folded('s', [{ line: wide[0], at: 1 }], 1)!,
      subject: name,
    }));
    expect(slotSum([a, b])).toBe(slotSum([b, a]));
    expect(slotSum([a])).not.toBe(slotSum([b]));
  });

  test('changes with any value, time, column, info or subject', () => {
    const lines: StampedLine[] = [
      { line: { type: 'subject', subject: 's', name: 'n', topics: ['t'] }, at: 1 },
      {
        line: { type: 'record', subject: 's', time: 5, declared: 7, period: 'p', values: { a: 1, b: null } },
        at: 2,
      },
      { line: { type: 'member', topic: 't', subject: 's', from: 5, declared: 7 }, at: 2 },
    ];
    const changed = (edit: (copy: typeof lines) => void) => {
      const copy = structuredClone(lines);
      edit(copy);
      return slotSum([folded('s', copy, 1)!]);
    };
    const sums = [
      changed(() => {}),
      changed(([{ line }]) => Object.assign(line, { name: 'm' })),
      changed(([{ line }]) => Object.assign(line, { topics: [] })),
      changed(([, { line }]) => Object.assign(line, { values: { a: 1 + 2 ** -52, b: null } })),
      changed(([, { line }]) => Object.assign(line, { values: { a: 1, b: 0 } })),
      changed(([, { line }]) => Object.assign(line, { values: { a: 1, c: null } })),
      changed(([, { line }]) => Object.assign(line, { time: 6 })),
      changed(([, { line }]) => Object.assign(line, { declared: 8 })),
      changed(([, { line }]) => Object.assign(line, { period: 'q' })),
      changed(([, , { line }]) => Object.assign(line, { topic: 'u' })),
      changed(([, , { line }]) => Object.assign(line, { from: 6 })),
      changed(([, , { line }]) => Object.assign(line, { to: 6 })),
      changed(([, , { line }]) => Object.assign(line, { declared: 8 })),
      changed((copy) => void copy.pop()),
      changed((copy) => Object.assign(copy[2], { at: 3 })),
      slotSum([]),
    ];
    expect(new Set(sums).size).toBe(sums.length);
    expect(sums[0]).toMatch(/^[0-9a-f]{16}$/);
  });

  test('of a subject without memberships is what it was before there were any', () => {
    const lines: StampedLine[] = [
      { line: { type: 'subject', subject: 's', name: 'n', topics: ['t'] }, at: 1 },
      { line: { type: 'record', subject: 's', time: 5, values: { a: 1 } }, at: 2 },
    ];
    expect(slotSum([folded('s', lines, 1)!])).toBe('4d8b61a8e2724dbf');
  });

  test('survives the way through the file', () => {
    const state = folded(
      's',
      wide.map((line) => ({ line, at: 1 })),
      50,
    )!;
    const back = state.chunks.map(({ start, block }) => ({ start, block: decodeBlock(encodeBlock(block)) }));
    expect(back[0].block.schema).toBe(schemaOf(back[0].block.names));
    expect(slotSum([{ ...state, chunks: back }])).toBe(slotSum([state]));
  });
});
