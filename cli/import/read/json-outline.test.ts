import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Outline, OutlineScanner } from './json-outline.ts';

/** What an outline of a value should say, by the value itself. */
function expected(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Array.isArray(value)
    ? [...value.entries()].slice(0, 8)
    : Object.entries(value).slice(0, 200);
  const count = Array.isArray(value) ? value.length : Object.keys(value).length;
  return { count, entries: entries.map(([key, inner]) => [key, expected(inner)]) };
}

function said(node: Outline): unknown {
  if (node.kind === 'scalar') return node.value;
  return { count: node.count, entries: [...node.entries].map(([key, inner]) => [key, said(inner)]) };
}

test('an outline says what is in a document, however it comes in pieces', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 5 }),
      fc.integer({ min: 1, max: 40 }),
      fc.boolean(),
      (value, size, isPretty) => {
        const text = JSON.stringify(value, null, isPretty ? 2 : 0);
        const scanner = new OutlineScanner();
        for (let at = 0; at < text.length; at += size) scanner.scan(text.slice(at, at + size));
        scanner.end();
        expect(scanner.rootCount).toBe(1);
        expect(scanner.isWhole).toBe(true);
        const [root] = scanner.roots;
        // Keys that are numbers come first in an object, wherever they stand in the text.
        expect(said(root)).toEqual(expected(JSON.parse(text)));
        if (root.kind !== 'scalar') expect(text.slice(root.start, root.end)).toBe(text);
      },
    ),
  );
});

test('the place looked for is kept, however many stand before it', () => {
  const scanner = new OutlineScanner(['rows', 500, 'x']);
  scanner.scan(JSON.stringify({ rows: Array.from({ length: 1_000 }, (_, i) => ({ x: [i], y: [i] })) }));
  const [root] = scanner.roots;
  const rows = root.kind === 'object' ? root.entries.get('rows') : undefined;
  expect(rows).toMatchObject({ kind: 'array', count: 1_000 });
  const keys = rows?.kind === 'array' ? [...rows.entries.keys()] : [];
  expect(keys).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 500]);
});
