import { expect, test } from 'vitest';
import { UsageError } from '../../shared/options/config.ts';
import { loadSample, sampleKey } from './load-sample.ts';

test('where the gateway asks for keys, the sample needs one', () => {
  expect(sampleKey({ keys: undefined, sample: 'fundamentals' }, 'k')).toBeUndefined();
  expect(sampleKey({ keys: 'file', sample: 'fundamentals' }, 'k')).toBe('k');
  expect(sampleKey({ keys: 'file', sample: 'none' }, undefined)).toBeUndefined();
  for (const key of [undefined, ''])
    expect(() => sampleKey({ keys: 'file', sample: 'fundamentals' }, key)).toThrow(UsageError);
});

test('a sample that was deleted is written again, though it was written a moment ago', async () => {
  const written = new Set<string>();
  let isThere = false;
  const gateway: typeof fetch = async (_, init) => {
    if (init?.method !== 'POST') return Response.json({ data: isThere ? [{ subject: '33:00000009' }] : [] });
    const key = new Headers(init.headers).get('idempotency-key')!;
    // The same key again answers the same, and writes nothing.
    if (!written.has(key)) isThere = true;
    written.add(key);
    return Response.json({ data: { accepted: 1, seq: 1 } });
  };
  const target = { url: 'http://gateway.test', key: undefined, fetch: gateway };
  await loadSample(target);
  isThere = false;
  await loadSample(target);
  expect(isThere).toBe(true);
});
