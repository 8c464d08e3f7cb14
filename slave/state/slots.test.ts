import { describe, expect, it } from 'vitest';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { SlotTable } from './slots.ts';

const owned = (owners: Record<number, string[]>) => ({ owners: (slot: number) => owners[slot] ?? [] });

describe('the slots of a slave', () => {
  it('are filled where it owns them and they are not ready', () => {
    const table = new SlotTable('me');
    table.ready.add(1);
    expect(table.isComplete()).toBe(false);
    expect(table.want(owned({ 1: ['me'], 2: ['you', 'me'], 3: ['you'] }))).toEqual({
      urgent: [],
      paced: [2],
    });
    expect(table.isComplete()).toBe(false);
    table.ready.add(2);
    expect([table.filling(), table.isComplete()]).toEqual([[], true]);
  });

  it('are wished for apart where nobody else holds them', () => {
    const table = new SlotTable('me');
    table.want(owned({ 1: ['me'], 2: ['me'], 3: ['me'] }));
    expect(table.isFilling()).toBe(true);
    table.elsewhere = new SlotSet([2, 4]);
    expect(table.wish()).toEqual({ urgent: [1, 3], paced: [2] });
    expect(table.wish([3, 4, 5])).toEqual({ urgent: [1, 3, 5], paced: [2, 4] });
    for (const slot of [1, 2, 3]) table.ready.add(slot);
    expect([table.isFilling(), table.wish()]).toEqual([false, { urgent: [], paced: [] }]);
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
