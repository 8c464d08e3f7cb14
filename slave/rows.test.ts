import { expect, it } from 'vitest';
import { Rows } from './rows.ts';

it('rows let others have a turn well within a slice, whatever their size', () => {
  for (const size of [100, 4_000, 26_000]) {
    const rows = new Rows(false);
    let sinceTurn = 0;
    let turns = 0;
    for (let length = 0; length < 1_000_000; length += size) {
      sinceTurn += size;
      if (!rows.add('x'.repeat(size))) continue;
      // About 20 ns a character.
      expect(sinceTurn).toBeLessThan(60_000);
      sinceTurn = 0;
      turns++;
    }
    expect(turns).toBeGreaterThan(15);
  }
});
