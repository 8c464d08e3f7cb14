import { describe, expect, it } from 'vitest';
import type { Member } from '../../shared/discovery/discovery.ts';
import { Reach } from './reach.ts';

const member = (id: string): Member => ({
  id,
  role: 'slave',
  address: `${id}:1`,
  weight: 1,
  zone: '',
  version: '1',
});
const [a, b] = ['a', 'b'].map(member);

describe('a slave whose lease is lost', () => {
  it('counts as reachable until it was asked in vain, and again when it answers', async () => {
    let isUp = false;
    const reach = new Reach(async () => {
      if (!isUp) throw new Error('connection refused');
      return { node: 'a' };
    });
    expect(reach.has('a')).toBe(true);
    await reach.look([a]);
    expect(reach.has('a')).toBe(false);
    isUp = true;
    await reach.look([a]);
    expect(reach.has('a')).toBe(true);
  });

  it('is not reached where another one has its address', async () => {
    const reach = new Reach(async () => ({ node: 'new' }));
    await reach.look([a]);
    expect(reach.has('a')).toBe(false);
  });

  it('is forgotten when it is lost no more, and asked once at a time', async () => {
    let asked = 0;
    let answer = (_: { node: string }) => {};
    const reach = new Reach((address) => {
      asked++;
      if (address === 'b:1') return Promise.reject(new Error('refused'));
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const looking = reach.look([a, b]);
    await reach.look([a, b]);
    expect(asked).toBe(2);
    answer({ node: 'a' });
    await looking;
    expect([reach.has('a'), reach.has('b')]).toEqual([true, false]);
    await reach.look([]);
    expect(reach.has('b')).toBe(true);
  });
});
