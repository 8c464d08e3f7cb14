import { describe, expect, test } from 'vitest';
import { barChart, lineChart, short } from './svg.ts';

describe('pictures are well-formed', () => {
  test('bars, also with signs in their labels and nothing to show', () => {
    check(
      barChart('a < b & "c"', '1/s', [
        { label: '<slave>', value: 12_345 },
        { label: 'b', value: 0 },
      ]),
    );
    check(barChart('none', 'ms', []));
    check(barChart('all zero', 'ms', [{ label: 'a', value: 0 }]));
  });

  test('lines, also of one point and over powers of ten', () => {
    const series = [
      {
        name: '1 slave',
        points: [
          [1_000, 5],
          [10_000, 4],
        ] as const,
      },
    ];
    check(lineChart({ title: 't', x: 'subjects', y: '1/s', series, isLog: true }));
    check(lineChart({ title: 't', x: 'x', y: 'y', series: [{ name: 'one', points: [[1, 0]] }] }));
  });

  test('a bar twice as long is twice the value', () => {
    const svg = barChart('t', '', [
      { label: 'a', value: 2 },
      { label: 'b', value: 1 },
    ]);
    const [long, half] = [...svg.matchAll(/width="([\d.]+)" height="17"/g)].map(([, width]) => Number(width));
    expect(long).toBe(half * 2);
  });
});

test('numbers are short', () => {
  expect([0, 7, 999, 12_345, 1_234_567, 2e9, 0.1234].map(short)).toEqual([
    '0',
    '7',
    '999',
    '12.3k',
    '1.23M',
    '2G',
    '0.123',
  ]);
});

/** Every element closes what was opened last, attributes are quoted, and no number went wrong. */
function check(svg: string): void {
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  const open: string[] = [];
  const tag = /<(\/?)([a-z]+)((?: [a-zA-Z0-9-]+="[^"<]*")*)(\/?)>/g;
  const rest = svg.replace(tag, (_, isEnd: string, name: string, _attributes, isEmpty: string) => {
    if (isEnd !== '') expect(open.pop()).toBe(name);
    else if (isEmpty === '') open.push(name);
    return '';
  });
  expect(open).toEqual([]);
  expect(rest).not.toMatch(/[<>]|&(?!amp;|lt;|gt;|quot;)/);
  expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
}
