import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_TIME, MIN_TIME } from '../base/limits.ts';
import type { MemberLine, Memberships } from './lines.ts';
import {
  ALWAYS,
  isMember,
  isWithin,
  memberIntervals,
  NEVER,
  putMemberships,
  touchesRange,
} from './topic-intervals.ts';

const TOPICS = ['a', 'b', '__proto__', '中证 500'];
const time = fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(MIN_TIME, MAX_TIME, -0));
const member: fc.Arbitrary<MemberLine> = fc
  .record(
    {
      type: fc.constant('member' as const),
      topic: fc.constantFrom(...TOPICS),
      subject: fc.constant('s'),
      from: time,
      length: fc.option(fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(Infinity))),
      declared: fc.constantFrom(0, -0, 3, 5, MAX_TIME),
    },
    { requiredKeys: ['type', 'topic', 'subject', 'from'], noNullPrototype: true },
  )
  .map(({ length, ...line }) =>
    length === undefined
      ? line
      : { ...line, to: length === null ? null : Math.min(MAX_TIME, line.from + length) },
  );
const lines = fc.array(member, { maxLength: 12 });
const moment = fc.oneof(time, fc.constant(Infinity));
const known = fc.constantFrom(0, 2, 3, 4, 5, Infinity);

/** The contract's sentence, word by word. */
function isMemberNaively(written: readonly MemberLine[], topic: string, time: number, asOf: number): boolean {
  const own = written.filter((line) => line.topic === topic);
  return own.some(({ from }) => {
    const revisions = own.filter((line) => line.from === from && (line.declared ?? 0) <= asOf);
    const greatest = Math.max(...revisions.map(({ declared = 0 }) => declared));
    const counts = revisions.findLast(({ declared = 0 }) => declared === greatest);
    if (counts === undefined) return false;
    const still = counts.to === undefined || counts.to === null;
    return time === Infinity ? still : from <= time && (still || time < (counts.to as number));
  });
}

function put(written: readonly MemberLine[], batch: number): Memberships | undefined {
  let memberships: Memberships | undefined;
  for (let at = 0; at < written.length; at += batch)
    memberships = putMemberships(memberships, written.slice(at, at + batch));
  return memberships;
}

describe('memberships', () => {
  test('say who is a member when, as known when, as the lines do', () => {
    let members = 0;
    fc.assert(
      fc.property(lines, fc.constantFrom(...TOPICS), moment, known, (written, topic, time, asOf) => {
        const expected = isMemberNaively(written, topic, time, asOf);
        if (expected) members++;
        const info = { topics: [], memberships: put(written, 3) };
        expect(isMember(info, topic, time, asOf)).toBe(expected);
        expect(isWithin(memberIntervals(info, topic, asOf), time)).toBe(expected);
      }),
      { numRuns: 5_000 },
    );
    expect(members).toBeGreaterThan(500);
  });

  test('are the same however the lines come in batches, and survive JSON', () => {
    fc.assert(
      fc.property(lines, fc.integer({ min: 1, max: 4 }), (written, batch) => {
        const whole = put(written, Infinity);
        expect(put(written, batch)).toEqual(whole);
        expect(JSON.parse(JSON.stringify([whole ?? null]))).toEqual([whole ?? null]);
      }),
    );
  });

  test('that are declared later change nothing of what was known before', () => {
    fc.assert(
      fc.property(lines, lines, moment, fc.constantFrom(0, 2, 4), (written, more, time, asOf) => {
        const later = more.filter(({ declared = 0 }) => declared > asOf);
        const before = { topics: [], memberships: put(written, 3) };
        const after = { topics: [], memberships: put([...written, ...later], 3) };
        for (const topic of TOPICS)
          expect(isMember(after, topic, time, asOf)).toBe(isMember(before, topic, time, asOf));
      }),
    );
  });

  test('as intervals are ascending, apart from each other and within the times that there are', () => {
    fc.assert(
      fc.property(lines, known, (written, asOf) => {
        const intervals = memberIntervals({ topics: [], memberships: put(written, 3) }, 'a', asOf);
        for (let i = 1; i < intervals.length; i++) expect(intervals[i]).toBeGreaterThan(intervals[i - 1]);
      }),
    );
  });

  test('are for all times where the info lists the topic, whatever was written', () => {
    const memberships = put([{ type: 'member', topic: 'a', subject: 's', from: 5, to: 5 }], 1);
    const listed = { topics: ['a'], memberships };
    expect(memberIntervals(listed, 'a', 0)).toBe(ALWAYS);
    expect([MIN_TIME, 5, MAX_TIME, Infinity].map((time) => isMember(listed, 'a', time, 0))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(memberIntervals({ topics: ['b'] }, 'a', Infinity)).toBe(NEVER);
  });

  test('touch a range where one of its times is in them', () => {
    fc.assert(
      fc.property(lines, fc.integer({ min: -4, max: 13 }), fc.nat(6), (written, from, length) => {
        const intervals = memberIntervals({ topics: [], memberships: put(written, 3) }, 'a', Infinity);
        const times = Array.from({ length: length + 1 }, (_, i) => from + i);
        expect(touchesRange(intervals, from, from + length)).toBe(
          times.some((time) => isWithin(intervals, time)),
        );
      }),
    );
  });

  test('of many lines are put in time that grows with their number, not its square', () => {
    const many = Array.from(
      { length: 100_000 },
      (_, i): MemberLine => ({ type: 'member', topic: 'a', subject: 's', from: (i * 7_919) % 100_000 }),
    );
    const began = performance.now();
    const [[, revisions]] = putMemberships(undefined, many);
    expect(revisions.length).toBe(300_000);
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
