import { describe, expect, it } from 'vitest';
import { bind, blob, file, number, text } from './sql.ts';

describe('values of SQL', () => {
  it('are bound as what they are: a view is only its own bytes', () => {
    const view = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
    expect(bind(['a同', 5, view])).toEqual(['a同', 5n, Buffer.from([2, 3])]);
  });

  it.each([[true], [null], [undefined], [NaN], [1.5], [2 ** 53], ['a\0b'], ['\ud800'], [{}], [[1]]])(
    '%s is refused before it reaches the database',
    (value) => {
      expect(() => bind([value as string])).toThrow(TypeError);
    },
  );

  it('are checked on their way back', () => {
    expect([text('x'), number(5), blob(new ArrayBuffer(1))]).toEqual(['x', 5, new Uint8Array(1)]);
    for (const read of [text, number, blob]) expect(() => read(null)).toThrow(TypeError);
  });

  it.each([
    ['file:data/k.db', 'data/k.db'],
    ['file:/var/a%20b/k.db', '/var/a b/k.db'],
    ['file:///var/k.db?x=1', '/var/k.db'],
    ['http://localhost:8080', undefined],
    ['libsql://db.example', undefined],
  ])('%s is the file %s', (url, path) => {
    expect(file(url)).toBe(path);
  });
});
