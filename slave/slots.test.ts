import { describe, expect, it } from 'vitest';
import { SlotSet } from '../shared/slot.ts';
import { SlotTable } from './slots.ts';

const owned = (owners: Record<number, string[]>) => ({ owners: (slot: number) => owners[slot] ?? [] });

describe('the slots of a slave', () => {
  it('are filled where it owns them and they are not ready', () => {
    const table = new SlotTable('me');
    table.ready.add(1);
    expect(table.isComplete()).toBe(false);
    expect(table.want(owned({ 1: ['me'], 2: ['you', 'me'], 3: ['you'] }))).toEqual([2]);
    expect(table.isComplete()).toBe(false);
    table.ready.add(2);
    expect([table.filling(), table.isComplete()]).toEqual([[], true]);
  });

  it('are given up only when somebody else owns them and every owner is ready', () => {
    const table = new SlotTable('me');
    for (const slot of [1, 2, 3, 4, 5]) table.ready.add(slot);
    const ownership = owned({ 1: ['me', 'you'], 2: ['you', 'he'], 3: ['you', 'he'], 4: ['you'] });
    table.want(ownership);
    expect(table.surplus()).toEqual([2, 3, 4, 5]);
    const you = new SlotSet([1, 2, 3, 4, 5]);
    expect(table.releasable(ownership, new Map([['you', you]]))).toEqual([4]);
    // Nobody owns slot 5: nothing is known, so nothing is thrown away.
    expect(
      table.releasable(
        ownership,
        new Map([
          ['you', you],
          ['he', new SlotSet([3, 5])],
        ]),
      ),
    ).toEqual([3, 4]);
  });
});
