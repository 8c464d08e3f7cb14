import { expect, test } from 'vitest';
import { Recent } from './recent.ts';

test('asks once for all who come while an answer is on its way or young', async () => {
  let now = 0;
  const waiting: ((value: number) => void)[] = [];
  const recent = new Recent(
    () => new Promise<number>((resolve) => waiting.push(resolve)),
    1_000,
    () => now,
  );
  const first = recent.get();
  // Slow: older than it may be, but still on its way.
  now = 5_000;
  const second = recent.get();
  expect(waiting.length).toBe(1);
  waiting[0](7);
  expect([await first, await second]).toEqual([7, 7]);

  const third = recent.get();
  expect(waiting.length).toBe(2);
  waiting[1](8);
  expect(await third).toBe(8);
  now += 999;
  expect(await recent.get()).toBe(8);
  now += 1;
  recent.get();
  expect(waiting.length).toBe(3);
});

test('asks again after a failure', async () => {
  let now = 0;
  let asked = 0;
  const recent = new Recent(
    async () => {
      asked++;
      if (asked === 1) throw new Error('away');
      return asked;
    },
    1_000,
    () => now,
  );
  await expect(recent.get()).rejects.toThrow('away');
  now = 1_000;
  expect(await recent.get()).toBe(2);
});
