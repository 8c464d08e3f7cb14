/** Panels, rows and batches, from a real cluster. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCluster, type TestCluster } from '../test/support/cluster.ts';
import { Client, type FlatRow, type IngestLine } from './client.ts';

const DAY = 86_400;
const SUBJECTS = 3_000;

let cluster: TestCluster;
let client: Client;

beforeAll(async () => {
  cluster = await startCluster({ slaves: 2, replicas: 1, runtime: 'node' });
  client = new Client({ url: cluster.cluster.gateway.url, timeoutMs: 20_000 });
  await client.ingest(
    Array.from({ length: SUBJECTS }, (_, i): IngestLine[] => [
      { type: 'subject', subject: subjectOf(i), topics: ['pool'] },
      { type: 'record', subject: subjectOf(i), time: 0, values: { price: i } },
      {
        type: 'record',
        subject: subjectOf(i),
        time: 2 * DAY,
        values: i === 0 ? { eps: 0.5 } : { price: i + 0.5 },
      },
    ]).flat(),
  );
});

afterAll(() => cluster?.stop());

test('a panel is typed arrays, NaN where there is no value', async () => {
  const panel = await client.panel({
    ids: ['price', 'eps'],
    subjects: [subjectOf(1), subjectOf(0)],
    dates: ['1970-01-01', '1970-01-02', '1970-01-03'],
  });
  expect([...panel.dates]).toEqual([DAY - 1, 2 * DAY - 1, 3 * DAY - 1]);
  expect(panel.subjects).toEqual([subjectOf(1), subjectOf(0)]);
  expect([...panel.series(subjectOf(1), 'price')!]).toEqual([1, 1, 1.5]);
  expect([...panel.series(subjectOf(0), 'eps')!]).toEqual([Number.NaN, Number.NaN, 0.5]);
  expect(panel.series(subjectOf(0), 'dps')).toBeUndefined();
  expect(panel.values.length).toBe(2 * 2 * 3);
});

test('rows come one by one, and whoever has seen enough leaves', async () => {
  const query = {
    ids: ['price', 'eps'],
    topic: 'pool',
    field: 'subject',
    order: 'asc',
    limit: SUBJECTS,
  } as const;
  const rows: FlatRow[] = [];
  for await (const row of client.rows('snapshot', query)) rows.push(row);
  expect(rows.length).toBe(SUBJECTS);
  expect(rows[0]).toMatchObject({ subject: subjectOf(0), price: 0, eps: 0.5 });
  expect(rows[7]).toMatchObject({ subject: subjectOf(7), price: 7.5, eps: null });
  let seen = 0;
  for await (const _ of client.rows('snapshot', query)) if (++seen === 3) break;
  expect(seen).toBe(3);
  await expect(client.rows('snapshot', { ids: '' }).next()).rejects.toMatchObject({ status: 400 });
});

test('a batch answers each query for itself', async () => {
  const [right, wrong, period] = await client.batch([
    { path: 'snapshot', body: { ids: 'price', subjects: subjectOf(2) } },
    { path: 'snapshot', body: { ids: 'price', subjects: subjectOf(2), limit: -1 } },
    { path: 'period', body: { ids: 'price', subjects: subjectOf(2), from: 0, to: DAY } },
  ]);
  expect(right).toMatchObject({ ok: true, data: [{ data: { price: 2.5 } }] });
  expect(wrong).toMatchObject({ ok: false, status: 400, message: expect.stringContaining('limit') });
  if (!period.ok) throw new Error(period.message);
  expect(period.data[0].data[0].price).toBe(2);
});

function subjectOf(i: number): string {
  return `x:${String(i).padStart(4, '0')}`;
}
