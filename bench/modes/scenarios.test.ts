import { describe, expect, test } from 'vitest';
import { seeded } from '../cluster/random.ts';
import { poolOf } from './scenario-run.ts';
import { type BenchRequest, INGEST, makeRequests, PERIOD, SNAPSHOT } from './scenarios.ts';

const pool = poolOf({ subjects: 8, indicators: 6, quarters: 40 });
const make = (
  scenario: number,
  given: { count?: number; repeat?: number; writeRatio?: number; seed?: number } = {},
) => {
  const { count = 200, repeat, writeRatio = 0, seed = 1 } = given;
  return makeRequests({ scenario, pool, count, repeat, writeRatio, zipf: 1, random: seeded(seed) });
};
interface Body {
  subjects: string;
  topic: string;
  ids: string;
  field: string;
  limit: number;
  timestamp?: number;
  from: number;
  to: number;
  declared: number;
}

const bodyOf = ({ body }: BenchRequest) => JSON.parse(body) as Body;
const count = (list: string) => list.split(',').length;

describe('the scenarios of KamaitachiGo', () => {
  test.each([
    [1, 2, 3, 'report_date', 20, undefined],
    [2, 1, 2, 'operating_income', 8, undefined],
    [3, 50, 4, 'operating_income', 20, undefined],
    [4, 3, 3, 'operating_income', 10, 1_696_032_000],
  ])(
    'S%i: %i subjects × %i indicators by %s, limit %i',
    (scenario, subjects, ids, field, limit, timestamp) => {
      const requests = make(scenario);
      expect(requests.length).toBe(200);
      for (const request of requests) {
        const body = bodyOf(request);
        expect([request.path, count(body.subjects), count(body.ids)]).toEqual([SNAPSHOT, subjects, ids]);
        expect([body.field, body.limit, body.timestamp]).toEqual([field, limit, timestamp]);
        for (const subject of body.subjects.split(',')) expect(pool.subjects).toContain(subject);
        for (const id of body.ids.split(',')) expect(pool.indicators).toContain(id);
      }
    },
  );

  test('all subjects of the pool are asked for', () => {
    const asked = new Set(make(1).flatMap((request) => bodyOf(request).subjects.split(',')));
    expect(asked).toEqual(new Set(pool.subjects));
  });
});

describe('the others', () => {
  test('S5 asks for ranges within the data', () => {
    for (const request of make(5)) {
      const { from, to } = bodyOf(request);
      expect(request.path).toBe(PERIOD);
      expect(from <= to && from >= pool.times[0] && to <= pool.times.at(-1)!).toBe(true);
    }
  });

  test('S6 ranks the topic by one of the indicators that it shows', () => {
    for (const request of make(6)) {
      const { topic, ids, field } = bodyOf(request);
      expect(topic).toBe(pool.topic);
      expect(ids.split(',')).toContain(field);
    }
  });

  test('S8 asks for the first subjects most', () => {
    const asked = make(8, { count: 2_000 }).flatMap((request) => bodyOf(request).subjects.split(','));
    const timesOf = (subject: string) => asked.filter((one) => one === subject).length;
    expect(timesOf(pool.subjects[0])).toBeGreaterThan(3 * timesOf(pool.subjects[7]));
  });

  test('a scenario that there is not is refused', () => {
    expect(() => make(9)).toThrow('expected 1 to 8, got 9');
  });
});

test('the same seed makes the same requests, another one others', () => {
  expect(make(3)).toEqual(make(3));
  expect(make(3, { seed: 2 })).not.toEqual(make(3));
});

test('--repeat makes so many distinct requests and goes round them', () => {
  const requests = make(1, { repeat: 10, count: 100 });
  expect(new Set(requests.map(({ body }) => body)).size).toBe(10);
  expect(requests[13]).toBe(requests[3]);
});

test('writes come in their share, each declared later than the one before', () => {
  const requests = make(7, { writeRatio: 0.1, count: 5_000 });
  const writes = requests.filter(({ isWrite }) => isWrite);
  expect(writes.length / 5_000).toBeGreaterThan(0.08);
  expect(writes.length / 5_000).toBeLessThan(0.12);
  expect(writes.every(({ path }) => path === INGEST)).toBe(true);
  const declared = writes.map((write) => bodyOf(write).declared);
  expect(declared).toEqual([...new Set(declared)].sort((a, b) => a - b));
});
