import { describe, expect, it } from 'vitest';
import { DEPARTED_KEPT_MS, MAX_MEMBERS } from '../../shared/base/limits.ts';
import type { Member } from '../../shared/discovery/discovery.ts';
import { Registry } from './registry.ts';

function member(id: string, more: Partial<Member> = {}): Member {
  return { id, role: 'slave', address: `${id}:1`, weight: 1, zone: '', version: '1', ...more };
}

function create() {
  let now = 0;
  const registry = new Registry('e1', () => now);
  const ids = () => registry.view().members.map(({ id }) => id);
  return { registry, ids, pass: (ms: number) => (now += ms) };
}

describe('the embedded registry', () => {
  it('lists who holds a lease, ordered by id', () => {
    const { registry, ids } = create();
    registry.lease(member('b'), 1_000);
    registry.lease(member('a'), 1_000);
    expect(ids()).toEqual(['a', 'b']);
    expect(registry.view().epoch).toBe('e1');
  });

  it('drops a member whose lease ran out, and counts that as a change', () => {
    const { registry, ids, pass } = create();
    registry.lease(member('a'), 1_000);
    const { version } = registry.view();
    pass(999);
    expect(registry.expire()).toBe(false);
    pass(1);
    expect(registry.expire()).toBe(true);
    expect(ids()).toEqual([]);
    expect(registry.view().version).toBeGreaterThan(version);
    expect(registry.view().departed).toEqual([]);
  });

  it('takes a renewal as no change, and changed facts as one', () => {
    const { registry, ids, pass } = create();
    expect(registry.lease(member('a'), 1_000)).toBe(true);
    const { version } = registry.view();
    pass(900);
    expect(registry.lease(member('a'), 1_000)).toBe(false);
    pass(900);
    registry.expire();
    expect(ids()).toEqual(['a']);
    expect(registry.view().version).toBe(version);
    for (const more of [
      { address: 'x:2' },
      { weight: 2 },
      { zone: 'z' },
      { version: '2' },
      { role: 'gateway' as const },
    ])
      expect(registry.lease(member('a', more), 1_000)).toBe(true);
  });

  it('says that it changed also where a renewal or a good-bye finds a lease that ran out', () => {
    const { registry, ids, pass } = create();
    registry.lease(member('a'), 1_000);
    registry.lease(member('b'), 5_000);
    pass(1_000);
    expect(registry.lease(member('b'), 5_000)).toBe(true);
    expect(ids()).toEqual(['b']);
    registry.leave('b');
    registry.lease(member('a'), 1_000);
    pass(1_000);
    expect(registry.leave('b')).toBe(true);
    expect(ids()).toEqual([]);
  });

  it('believes the good-bye of somebody whom it does not know: it may be younger than the last renewal', () => {
    const { registry } = create();
    expect(registry.leave('a')).toBe(true);
    expect(registry.view().departed).toEqual(['a']);
    expect(registry.leave('a')).toBe(false);
  });

  it('that stood still drops nobody who could not renew meanwhile', () => {
    let now = 0;
    const registry = new Registry('e1', () => now, 1_000);
    registry.lease(member('a'), 5_000);
    now += 900;
    expect(registry.expire()).toBe(false);
    now += 60_000;
    expect(registry.expire()).toBe(false);
    registry.lease(member('b'), 5_000);
    expect(registry.view().members).toHaveLength(2);
    for (; now <= 65_400; now += 900) registry.expire();
    expect(registry.view().members.map(({ id }) => id)).toEqual(['b']);
  });

  it('remembers a good-bye for a while, and forgets it when the member comes back', () => {
    const { registry, ids, pass } = create();
    registry.lease(member('a'), 1_000);
    registry.lease(member('b'), 1_000_000);
    expect(registry.leave('a')).toBe(true);
    expect(registry.leave('a')).toBe(false);
    expect(ids()).toEqual(['b']);
    expect(registry.view().departed).toEqual(['a']);
    registry.lease(member('a'), 1_000);
    expect(registry.view().departed).toEqual([]);
    registry.leave('a');
    pass(DEPARTED_KEPT_MS);
    expect(registry.expire()).toBe(true);
    expect(registry.view()).toMatchObject({ departed: [], members: [member('b')] });
  });

  it('is bounded', () => {
    const { registry } = create();
    for (let i = 0; i < MAX_MEMBERS; i++) registry.lease(member(`m${i}`), 1_000);
    expect(() => registry.lease(member('one more'), 1_000)).toThrow('registry: it is full');
    expect(registry.lease(member('m5'), 1_000)).toBe(false);
    for (let i = 0; i < MAX_MEMBERS; i++) registry.leave(`m${i}`);
    registry.lease(member('n'), 1_000);
    registry.leave('n');
    expect(registry.view().departed).toHaveLength(MAX_MEMBERS);
  });
});
