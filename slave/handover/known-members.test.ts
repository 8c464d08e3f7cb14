import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readKnownMembers, saveKnownMembers } from './known-members.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-known-'));
  path = join(folder, 'members.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const known = {
  epoch: 'e1',
  members: [
    { id: 'a', role: 'slave' as const, address: 'h:1', weight: 2, zone: '', version: '1' },
    { id: 'b', role: 'slave' as const, address: 'h:2', weight: 1, zone: 'z', version: '1' },
  ],
};

it('the members known last are known again after a restart, to the same node', async () => {
  expect(await readKnownMembers(path, 'a')).toBeUndefined();
  await saveKnownMembers(path, 'a', known);
  expect(await readKnownMembers(path, 'a')).toEqual(known);
  expect(await readKnownMembers(path, 'c')).toBeUndefined();
});

it.each(['', '{"node":"a","epoch":"e1","mem', '[]', '{"node":"a","epoch":"e1","members":[{"id":1}]}'])(
  'a file that holds %j counts as none',
  async (text) => {
    writeFileSync(path, text);
    expect(await readKnownMembers(path, 'a')).toBeUndefined();
  },
);
