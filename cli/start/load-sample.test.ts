import { expect, test } from 'vitest';
import { UsageError } from '../../shared/config.ts';
import { sampleKey } from './load-sample.ts';

test('where the gateway asks for keys, the sample needs one', () => {
  expect(sampleKey({ keys: undefined, sample: 'fundamentals' }, 'k')).toBeUndefined();
  expect(sampleKey({ keys: 'file', sample: 'fundamentals' }, 'k')).toBe('k');
  expect(sampleKey({ keys: 'file', sample: 'none' }, undefined)).toBeUndefined();
  for (const key of [undefined, ''])
    expect(() => sampleKey({ keys: 'file', sample: 'fundamentals' }, key)).toThrow(UsageError);
});
