import { expect, test } from 'vitest';
import { createTokenCheck } from './cluster-token.ts';

const OLD = 'o'.repeat(32);
const NEW = 'n'.repeat(32);

test('every token of the file is let in, whatever the case of its scheme; nothing else is', () => {
  const isPeer = createTokenCheck([NEW, OLD]);
  for (const right of [`Bearer ${NEW}`, `Bearer ${OLD}`, `bearer  ${OLD} `]) expect(isPeer(right)).toBe(true);
  const wrong = [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    NEW,
    `Basic ${NEW}`,
    `Bearer ${NEW}x`,
    `Bearer ${NEW} ${OLD}`,
  ];
  for (const header of wrong) expect(isPeer(header), header).toBe(false);
});

test('where there is no token, nobody has to show one', () => {
  expect(createTokenCheck([])(undefined)).toBe(true);
});
