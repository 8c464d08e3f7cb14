import { expect, it } from 'vitest';
import { PIECE_BYTES } from '../../shared/base/limits.ts';
import { Rows, textOf } from './rows.ts';

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

it('rows of a large answer are bytes but for what came last, and the same text', () => {
  const texts = Array.from({ length: 5_000 }, (_, i) => `{"row":${i}${' '.repeat(i % 90)}}`);
  for (const whole of [true, false]) {
    const rows = new Rows(whole);
    for (const text of texts) rows.add(text);
    const answer = rows.finish(() => ({ kind: 'period', places: [], lengths: rows.lengths }));
    const kept = answer.pieces.filter((piece) => typeof piece === 'string').slice(whole ? 0 : 1);
    expect(kept.join('').length).toBeLessThanOrEqual(PIECE_BYTES);
    const text = textOf(answer);
    expect(text.length).toBe(answer.length);
    if (whole) expect(text).toBe(`[${texts.join()}]`);
    else expect(text.slice(text.indexOf('\n') + 1)).toBe(texts.join(''));
  }
});
