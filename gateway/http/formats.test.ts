import { afterEach, describe, expect, it } from 'vitest';
import { ChunkWriter, columnsOf } from '../../shared/answer/columns.ts';
import { slotOf } from '../../shared/ownership/slot.ts';
import type { Query } from '../../shared/query/query.ts';
import { settle, startTestGateway, type TestGateway, type TestOptions } from '../testing/fake-gateway.ts';
import type { Reply } from '../testing/fake-slaves.ts';

const PERIOD = '/kamaitachi/api/data/v1/period';
const SNAPSHOT = '/kamaitachi/api/data/v1/snapshot';
const BATCH = '/kamaitachi/api/data/v1/batch';

const open: TestGateway[] = [];
afterEach(async () => {
  for (const test of open.splice(0)) await test.close();
});
async function start(options: TestOptions = {}) {
  const test = await startTestGateway(options);
  open.push(test);
  return test;
}

/** Subjects of both slaves, since each holds every second slot. */
function halves(test: TestGateway): void {
  for (const [i, slave] of test.slaves.entries())
    for (const slot of [...slave.ready]) if (slot % 2 !== i) slave.ready.delete(slot);
  for (const slave of test.slaves) slave.push();
}

/** What a slave answers a period with: `rows` a subject, in chunks of so many subjects. */
function periodChunks(query: Query, rows: number, perChunk: number): Uint8Array[] {
  const subjects = 'subjects' in query ? query.subjects! : [];
  const writer = new ChunkWriter(columnsOf(query));
  const chunks: Uint8Array[] = [];
  subjects.forEach((subject, i) => {
    writer.coming = () => subjects.slice(i + 1).map((name) => [name, name]);
    writer.begin([subject, subject]);
    for (let row = 0; row < rows; row++) writer.add([row, '', Number.NaN, row / 2]);
    const isLast = i === subjects.length - 1;
    if (isLast || (i + 1) % perChunk === 0) chunks.push(writer.finish(isLast));
  });
  return chunks;
}

const SUBJECTS = Array.from({ length: 40 }, (_, i) => `s:${i}`);
const body = { ids: 'eps', subjects: SUBJECTS, from: 0, to: 10_000, format: 'csv' };

function answerPeriods(
  test: TestGateway,
  rows: number,
  more: Partial<Extract<Reply, { chunks: unknown }>> = {},
): void {
  for (const slave of test.slaves)
    slave.reply = ({ query }) => ({ chunks: periodChunks(query, rows, 3), ...more });
}

const expectedCsv = (rows: number) =>
  [
    'subject,name,time,period,declared,eps',
    ...SUBJECTS.flatMap((subject) =>
      Array.from({ length: rows }, (_, row) => {
        const time = new Date(row * 1000).toISOString();
        return `${subject},${subject},${time.slice(0, 10)} ${time.slice(11, 19)},,,${row / 2}`;
      }),
    ),
    '',
  ].join('\n');

describe('an answer in columns', () => {
  it('has its rows in the order asked, whoever answered which part and in how many chunks', async () => {
    const test = await start();
    halves(test);
    await settle();
    expect(new Set(SUBJECTS.map((subject) => slotOf(subject) % 2)).size).toBe(2);
    for (const rows of [1, 30, 1_000]) {
      answerPeriods(test, rows);
      const answer = await test.post(PERIOD, body);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
      expect(await answer.text()).toBe(expectedCsv(rows));
    }
    expect(test.slaves.map(({ requests }) => requests[0].shape)).toEqual(['columns', 'columns']);
  });

  it('is pulled as its client takes it, and given up with its client', async () => {
    const test = await start();
    answerPeriods(test, 3_000);
    const answer = await test.post(PERIOD, body);
    const reader = answer.body!.getReader();
    await reader.read();
    await settle();
    const [{ pulls }] = test.slaves.filter(({ requests }) => requests.length > 0);
    expect(pulls).toBeLessThan(6);
    await reader.cancel();
    await settle();
    expect(test.slaves.flatMap(({ cancelled }) => cancelled)).toHaveLength(1);
    const metrics = await (await test.gateway.app.request('/metrics')).text();
    expect(metrics).toMatch(/kamaitachi_gateway_answer_budget_used_bytes 0\n/);
  });

  it('breaks off where a slave fails in the middle, and never looks whole', async () => {
    const test = await start();
    answerPeriods(test, 1_000, { breaksAfter: 4 });
    const answer = await test.post(PERIOD, body);
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
  });

  it('is an error where a slave fails before anything of it is sent', async () => {
    const test = await start();
    answerPeriods(test, 1_000, { breaksAfter: 4 });
    const answer = await test.post(PERIOD, { ...body, format: 'arrow' });
    expect([answer.status, (await answer.json()).data]).toEqual([500, null]);
  });

  it('has a deadline until it is sent', async () => {
    const test = await start();
    for (const slave of test.slaves)
      slave.reply = ({ query }) => ({ chunks: periodChunks(query, 1_000, 3).slice(0, 1), breaksAfter: 99 });
    const asked = test.post(PERIOD, { ...body, format: 'arrow' }, { 'x-kamaitachi-timeout-ms': '500' });
    await settle();
    await test.advance(1_000);
    expect((await asked).status).toBe(504);
  });
});

describe('the format', () => {
  it('is what the field says, else what Accept allows best', async () => {
    const test = await start();
    answerPeriods(test, 1);
    const typeOf = async (accept: string, format?: string) => {
      const answer = await test.post(PERIOD, { ...body, format }, { accept });
      await answer.text();
      return answer.headers.get('content-type');
    };
    expect(await typeOf('text/csv')).toBe('text/csv; charset=utf-8');
    expect(await typeOf('text/html, application/x-ndjson;q=0.3, text/csv;q=0.2')).toBe(
      'application/x-ndjson',
    );
    expect(await typeOf('text/csv', 'arrow')).toBe('application/vnd.apache.arrow.stream');
    const none = await test.post(PERIOD, { ...body, format: null }, { accept: 'image/png' });
    expect([none.status, (await none.json()).status_code]).toEqual([406, 406]);
  });
});

describe('an answer to GET', () => {
  const url = `${SNAPSHOT}?subjects=a&ids=eps`;

  it('is tagged by its bytes, and not sent to a client that has them', async () => {
    const test = await start();
    const say = (text: string) => {
      for (const slave of test.slaves) slave.reply = () => ({ text });
    };
    const ask = (headers: Record<string, string> = {}) => test.gateway.app.request(url, { headers });
    say('[1]');
    const first = await ask();
    const tag = first.headers.get('etag')!;
    expect(tag).toMatch(/^"[0-9a-f]{24}"$/);
    const again = await ask({ 'if-none-match': `"x", W/${tag}` });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', tag]);
    say('[2]');
    expect((await ask({ 'if-none-match': tag })).status).toBe(200);
    expect((await test.post(SNAPSHOT, { ids: 'eps', subjects: 'a' })).headers.get('etag')).toBeNull();
  });

  it('is tagged by what was read where it is large', async () => {
    const test = await start();
    answerPeriods(test, 1_000);
    const query = new URLSearchParams({
      ids: 'eps',
      subjects: SUBJECTS.join(),
      from: '0',
      to: '10000',
      format: 'csv',
    });
    const ask = (headers: Record<string, string> = {}) =>
      test.gateway.app.request(`${PERIOD}?${query}`, { headers });
    const first = await ask();
    await first.text();
    const tag = first.headers.get('etag')!;
    expect((await ask({ 'if-none-match': tag })).status).toBe(304);
    for (const slave of test.slaves) slave.state = { ...slave.state, seq: slave.state.seq + 1 };
    const other = await ask({ 'if-none-match': tag });
    expect(other.status).toBe(200);
    await other.text();
  });

  it('has the headers and no body for HEAD', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.reply = () => ({ text: '[1]' });
    const answer = await test.gateway.app.request(url, { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(answer.headers.get('etag')).not.toBeNull();
  });
});

describe('gzip', () => {
  it('is for answers of more than 4 KiB to those who take it', async () => {
    const test = await start();
    const say = (length: number) => {
      for (const slave of test.slaves) slave.reply = () => ({ text: JSON.stringify(['x'.repeat(length)]) });
    };
    const coding = async (accepted: string) => {
      const answer = await test.post(
        SNAPSHOT,
        { ids: 'eps', subjects: 'a' },
        { 'accept-encoding': accepted },
      );
      const bytes = await answer.arrayBuffer();
      const got = answer.headers.get('content-encoding');
      if (got !== 'gzip') return got;
      const plain = new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')));
      return (await plain.json()).data[0].length;
    };
    say(10_000);
    expect(await coding('gzip, deflate, br')).toBe(10_000);
    expect(await coding('br;q=1, *;q=0.1')).toBe(10_000);
    for (const refused of ['gzip;q=0, *', 'br', 'identity'])
      expect(await coding(refused), refused).toBeNull();
    say(200_000);
    expect(await coding('gzip')).toBe(200_000);
    say(1_000);
    expect(await coding('gzip')).toBeNull();
  });
});

describe('a batch', () => {
  const line = (id: unknown, more: object = {}) =>
    `${JSON.stringify({ id, path: 'snapshot', body: { ids: 'eps', subjects: 'a' }, ...more })}\n`;
  const linesOf = async (answer: Response) =>
    (await answer.text())
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));

  it('answers each line in order, large ones too, and none is spoilt by another', async () => {
    const test = await start();
    for (const slave of test.slaves)
      slave.reply = ({ query }) => {
        const { limit } = query as { limit: number };
        if (limit === 3) return { code: 'bad_request', message: 'no' };
        return { text: JSON.stringify(['x'.repeat(limit === 2 ? 300_000 : 10)]) };
      };
    const limits = [1, 2, 3, 2, 1, 2, 2, 1, 1, 1, 1, 1];
    const text = limits.map((limit, i) => line(i, { body: { ids: 'eps', subjects: 'a', limit } }));
    const answer = await test.post(BATCH, `\n${text.join('')}`, { 'content-type': 'application/x-ndjson' });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = await linesOf(answer);
    expect(lines.map(({ id, status_code, data }) => [id, status_code, data?.[0].length])).toEqual(
      limits.map((limit, i) => (limit === 3 ? [i, 400, undefined] : [i, 0, limit === 2 ? 300_000 : 10])),
    );
    await settle();
    expect(test.gateway.reads.admission.underWay).toBe(0);
  });

  it('says what state it is of, where it is small', async () => {
    const test = await start();
    for (const [i, slave] of test.slaves.entries()) {
      slave.reply = () => ({ text: '[]', seq: 7 + i });
    }
    const answer = await test.post(BATCH, line(1) + line(2));
    expect(Number(answer.headers.get('x-kamaitachi-seq'))).toBeGreaterThanOrEqual(7);
  });

  it('counts every query at the rate of its path', async () => {
    const test = await start({ rateLimit: ['snapshot=1:3', 'period=1:1'] });
    const lines = await linesOf(await test.post(BATCH, [1, 2, 3, 4].map((id) => line(id)).join('')));
    expect(lines.map(({ status_code }) => status_code)).toEqual([0, 0, 0, 429]);
    expect((await test.post(SNAPSHOT, { ids: 'eps', subjects: 'a' })).status).toBe(429);
  });

  it('is refused as a whole where a line is no query at all', async () => {
    const test = await start();
    for (const bad of ['[]\n', '{"path":"topics"}\n', line(1, { ID: 2 }), '', '\n\n'])
      expect((await test.post(BATCH, bad)).status, bad).toBe(400);
    expect(test.slaves.flatMap(({ requests }) => requests)).toEqual([]);
  });
});
