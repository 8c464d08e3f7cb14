/** Damage, and what becomes of it: a slave and a master in one process, with rows changed behind the slave's back. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IngestLine } from '../../shared/data/lines.ts';
import type { PartRequest } from '../../shared/link/messages.ts';
import { slotOf } from '../../shared/ownership/slot.ts';
import { textOf } from '../answer/rows.ts';
import type { Connection } from '../store/database.ts';
import { type SlotRow, sumOfSlot } from '../store/schema.ts';
import { FakeMaster, Followed, until } from '../testing/followed.ts';

const SUBJECTS = Array.from({ length: 12 }, (_, i) => `33:3000${i}`);
const SLOTS = SUBJECTS.map(slotOf);
const [subject] = SUBJECTS;
const [slot] = SLOTS;

let master: FakeMaster;
let followed: Followed;
beforeEach(async () => {
  master = new FakeMaster();
  for (const name of SUBJECTS) {
    master.write([{ type: 'subject', subject: name, name: `name of ${name}`, topics: ['pool'] }]);
    master.write([record(name, 1), record(name, 2)]);
  }
  followed = new Followed(master);
  followed.own(SLOTS);
  await followed.settled();
});
afterEach(() => followed.close());

function record(name: string, time: number): IngestLine {
  return {
    type: 'record',
    subject: name,
    time,
    values: { eps: time * 10 + slotOf(name) / 1e5, net_profit: null },
  };
}

/** The latest `eps` of a subject, as a query gets it; throws where it is refused. */
async function eps(name: string): Promise<number> {
  const part = {
    query: {
      ...{ kind: 'snapshot', pool: { subjects: [name] }, ids: ['eps'], field: 'eps', descending: true },
      ...{ offset: 0, limit: 10, timestamp: 0, asOf: 0, withTime: false },
    },
    whole: true,
    minSeq: 0,
  } as PartRequest;
  const made = await followed.slave.answer(part, () => true);
  return JSON.parse(textOf(made))[0]?.data.eps;
}

/** Has the slot say that it was filled from a later snapshot than it was: lines up to there count as applied. */
function skipTo(database: Connection, seq: number): void {
  const [row] = database.prepare(`SELECT * FROM slots WHERE slot = ${slot}`).all() as unknown as SlotRow[];
  database
    .prepare('UPDATE slots SET seq = ?, sum = ? WHERE slot = ?')
    .run(seq, sumOfSlot({ ...row, seq }), slot);
}

describe('a comparison with the master', () => {
  test('finds nothing where there is nothing, also while lines come in', async () => {
    const writing = setInterval(() => master.write([record(subject, master.head)]), 1);
    const bad = await followed.verified();
    clearInterval(writing);
    expect(bad).toEqual([]);
    expect(followed.slave.verification).toMatchObject({ slots: SLOTS.length, checked: SLOTS.length });
    expect(followed.slave.soundness).toEqual({ verified: SLOTS.length, refilled: 0, files: 0 });
  });

  test.each([
    ['a subject that is missing', `DELETE FROM subjects WHERE slot = ${slot}`],
    ['a chunk that is missing', `DELETE FROM chunks WHERE slot = ${slot}`],
    [
      'another chunk in its place',
      `UPDATE chunks SET data = (SELECT data FROM chunks WHERE slot = ${SLOTS[1]}) WHERE slot = ${slot}`,
    ],
    [
      'a chunk with a bit that flipped',
      `UPDATE chunks SET data = CAST(substr(data, 1, 60) || X'a7' || substr(data, 62) AS BLOB) WHERE slot = ${slot}`,
    ],
    [
      'a summary with a bit that flipped',
      `UPDATE chunks SET summary = replace(summary, 'eps', 'epr') WHERE slot = ${slot}`,
    ],
    [
      'an info with a bit that flipped',
      `UPDATE subjects SET info = replace(info, 'name of', 'nale of') WHERE slot = ${slot}`,
    ],
    ['a chunk at another time', `UPDATE chunks SET start = 2 WHERE slot = ${slot}`],
    [
      'a chunk of no subject',
      `INSERT INTO chunks SELECT slot, 'nobody', start, bytes, summary, sum, data FROM chunks WHERE slot = ${slot}`,
    ],
    ['an old state', ''],
  ])('finds %s, and fills the slot again', async (name, sql) => {
    if (sql === '') followed.damageWith((database) => skipTo(database, 99));
    else followed.damage(sql);
    await followed.restart();
    followed.own(SLOTS);
    // The one that is in an old state misses a line; in the others nothing is touched, or it would be noticed at once.
    const written = name === 'an old state' ? subject : SUBJECTS[1];
    master.write([record(written, 3)]);
    await followed.settled();
    const bad = await followed.verified();
    // Subjects are counted, and infos checked, when the slave starts: that slot is on its way already.
    expect(bad).toEqual(/^(an info|a subject)/.test(name) ? [] : [slot]);
    await followed.settled();
    expect(followed.slave.soundness.refilled).toBe(1);
    expect(await eps(subject)).toBe((written === subject ? 30 : 20) + slot / 1e5);
    expect(await followed.verified()).toEqual([]);
  });

  test('stops the log where the master stood, however fast it goes on', async () => {
    // Something new at every question: the slave never meets the master's head by itself.
    followed.onAsk = () => master.write([record(subject, master.head)]);
    const bad = await followed.verified();
    followed.onAsk = () => {};
    expect(bad).toEqual([]);
    expect(followed.slave.verification.checked).toBe(SLOTS.length);
  });

  test('only tells what is wrong where it is asked not to fill again', async () => {
    followed.damage(`DELETE FROM chunks WHERE slot = ${slot}`);
    expect(await followed.verified(false)).toEqual([slot]);
    expect(await followed.verified(false)).toEqual([slot]);
    expect(followed.slave.soundness.refilled).toBe(0);
  });

  test('does not fill again what is damaged on the master itself', async () => {
    master.damaged.add(slot);
    expect(await followed.verified()).toEqual([slot]);
    expect(followed.slave.verification.bad[0].why).toContain('damaged on the master');
    expect(followed.slave.soundness.refilled).toBe(0);
    expect(await eps(subject)).toBe(20 + slot / 1e5);
  });

  test('goes on where it was when the master is away for a while', async () => {
    let failures = 0;
    followed.onAsk = () => {
      if (failures++ % 3 === 0) throw new Error('away');
    };
    expect(await followed.verified()).toEqual([]);
    expect(followed.slave.verification.checked).toBe(SLOTS.length);
  });
});

describe('a damaged chunk', () => {
  const flip = `UPDATE chunks SET data = CAST(substr(data, 1, 60) || X'a7' || substr(data, 62) AS BLOB) WHERE slot = ${slot}`;

  test('is refused to whoever reads it, never answered, and its slot leaves what is ready until it is filled again', async () => {
    followed.damage(flip);
    await expect(eps(subject)).rejects.toThrow('is damaged: ask another slave');
    expect(await eps(SUBJECTS[1])).toBe(20 + SLOTS[1] / 1e5);
    await until(() => !followed.slave.slots.ready.has(slot));
    await expect(eps(subject)).rejects.toThrow('not held here');
    await followed.settled();
    expect(await eps(subject)).toBe(20 + slot / 1e5);
    expect(followed.slave.soundness.refilled).toBe(1);
  });

  test('does not keep the lines of other subjects from being applied', async () => {
    followed.damage(flip);
    master.write([record(subject, 3), record(SUBJECTS[1], 3)]);
    await until(() => !followed.slave.slots.ready.has(slot));
    await followed.settled();
    expect([await eps(subject), await eps(SUBJECTS[1])]).toEqual([30 + slot / 1e5, 30 + SLOTS[1] / 1e5]);
    expect(followed.slave.soundness.refilled).toBe(1);
    expect(await followed.verified()).toEqual([]);
  });
});
