import { expect, test } from 'vitest';
import { PointCollector } from './lines.ts';

test('a collector turns records into points by column, in the order they were written', () => {
  const collector = new PointCollector();
  collector.addRecord(
    { type: 'record', subject: 's', time: 5, values: { a: 1, b: null }, period: '596001' },
    'period',
  );
  collector.addRecord({ type: 'record', subject: 's', time: 3, declared: 9, values: { a: -0 } }, 'period');
  collector.addRecord({ type: 'record', subject: 's', time: 3, values: { c: 2 }, period: '' }, 'period');
  expect(Object.fromEntries(collector.points)).toEqual({
    a: { times: [5, 3], declared: [0, 9], values: [1, 0] },
    b: { times: [5], declared: [0], values: [NaN] },
    c: { times: [3], declared: [0], values: [2] },
    period: { times: [5, 3], declared: [0, 0], values: [0, 1] },
  });
  expect(collector.texts).toEqual(['596001', '']);
  expect(Object.is(collector.points.get('a')!.values[1], 0)).toBe(true);
});
