import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import type { Member } from '../../discovery/discovery.ts';
import { createKeys, decodeMember, encodeMember, idOf } from './keys.ts';

const member: Member = { id: 'a/1 東', role: 'slave', address: 'h:1', weight: 0.5, zone: 'z', version: '1' };

test('a member comes back as it was written, from the key of its id', () => {
  const keys = createKeys('/k/');
  const key = keys.memberKey(member.id);
  expect(key.toString()).toBe('/k/members/a/1 東');
  expect(idOf(keys.members, { key })).toBe(member.id);
  const stored = { ...member, instance: 'i' };
  expect(decodeMember({ value: encodeMember(stored) })).toEqual(stored);
});

test.each([
  ['no JSON', 'x'],
  ['no object', 'null'],
  ['no instance', JSON.stringify(member)],
  ['a role that is none', JSON.stringify({ ...member, instance: 'i', role: 'king' })],
  ['a weight that is none', JSON.stringify({ ...member, instance: 'i', weight: 0 })],
])('%s is no member', (_, text) => {
  expect(decodeMember({ value: Buffer.from(text) })).toBeUndefined();
});

test('a range holds the keys of one cluster and none of another', () => {
  const { members, departed, mark, memberKey, departedKey } = createKeys('/k/');
  const isIn = (key: Buffer) =>
    Buffer.compare(key, members.key) >= 0 && Buffer.compare(key, members.range_end) < 0;
  expect([memberKey(''), memberKey('\u{10ffff}')].map(isIn)).toEqual([true, true]);
  const others = [mark, departed.key, departedKey('a'), createKeys('/k/members2/').memberKey('a')];
  expect(others.map(isIn)).toEqual([false, false, false, false]);
  expect(() => createKeys('/k')).toThrow('etcd prefix: expected a / at its end, got /k');
});
