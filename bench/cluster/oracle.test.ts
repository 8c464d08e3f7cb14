import { expect, test } from 'vitest';
import { sampleLines } from '../../cli/sample/sample.ts';
import type { IngestLine } from '../../shared/data/lines.ts';
import { parseQueryBody } from '../../shared/query/parse.ts';
import { createStandalone } from '../../slave/testing/standalone.ts';
import { poolOf } from '../modes/scenario-run.ts';
import { makeRequests, PERIOD, SNAPSHOT } from '../modes/scenarios.ts';
import { Oracle } from './oracle.ts';
import { seeded } from './random.ts';

const SAMPLE = { subjects: 12, indicators: 6, quarters: 8, revisions: 0.3 };

test('the slow way and the slave agree on every scenario, revisions and writes included', async () => {
  const oracle = new Oracle();
  const alone = createStandalone();
  try {
    const requests = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((scenario) =>
      makeRequests({
        scenario,
        pool: poolOf(SAMPLE),
        count: 25,
        writeRatio: scenario === 7 ? 0.3 : 0,
        zipf: 1,
        random: seeded(scenario),
      }),
    );
    const written = requests.flatMap(({ isWrite, body }) => (isWrite ? [body.trimEnd()] : []));
    const lines = [...sampleLines(SAMPLE), ...written];
    for (const line of lines) oracle.take(line);
    alone.write(lines.map((line) => JSON.parse(line) as IngestLine))();
    for (const request of requests.filter(({ isWrite }) => !isWrite)) {
      const query = parseQueryBody(request.path === PERIOD ? 'period' : 'snapshot', request.body);
      const data = await alone.ask(query);
      expect(oracle.complaint(request, 200, JSON.stringify({ data }))).toBeUndefined();
    }
  } finally {
    alone.close();
  }
});

test('a wrong value, a missing row, another order and an error are complained about', () => {
  const oracle = new Oracle();
  for (const line of sampleLines(SAMPLE)) oracle.take(line);
  const body = JSON.stringify({ subjects: '33:00000009,33:00000010', ids: 'net_profit', limit: 5 });
  const request = { path: SNAPSHOT, body };
  const right = oracle.answer(request) as { data: { net_profit: number } }[];
  const complain = (data: unknown, status = 200) =>
    oracle.complaint(request, status, JSON.stringify({ data }));
  expect(complain(right)).toBeUndefined();
  expect(complain([{ ...right[0], data: { net_profit: 1 } }, right[1]])).toContain('expected');
  expect(complain([right[0]])).toContain('expected');
  expect(complain(right.toReversed())).toContain('expected');
  expect(complain(null, 503)).toContain('was answered 503');
});

test('lines of subjects that nobody asks about are not kept', () => {
  const oracle = new Oracle((subject) => subject === '33:00000010');
  for (const line of sampleLines(SAMPLE)) oracle.take(line);
  const body = JSON.stringify({ subjects: '33:00000009,33:00000010', ids: 'net_profit' });
  expect(oracle.answer({ path: SNAPSHOT, body })).toHaveLength(1);
});
