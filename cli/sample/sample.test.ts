import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { isIndicator, isSubject } from '../../shared/base/text.ts';
import { Client } from '../import/client.ts';
import {
  answer,
  type FakeGateway,
  fakeGateway,
  type IngestRecord,
  observationsOf,
} from '../import/fake-gateway.ts';
import { type SampleOptions, sampleLines } from './sample.ts';
import { writeToCluster } from './write.ts';

const parsed = (options?: SampleOptions): IngestRecord[] =>
  [...sampleLines(options)].map((line) => JSON.parse(line));
const records = (options?: SampleOptions): IngestRecord[] =>
  parsed(options).filter(({ type }) => type === 'record');
const digest = (options: SampleOptions): string =>
  createHash('sha256')
    .update([...sampleLines(options)].join('\n'))
    .digest('hex');

describe('the data', () => {
  test('the subjects and indicators that every sample has, in every quarter', () => {
    const found = observationsOf(parsed());
    const names = [
      'operating_income',
      'parent_holder_net_profit',
      'total_operating_cost',
      'net_profit',
      'operating_profit',
      'total_profit',
    ];
    expect(found.size).toBe(8 * 6 * 40);
    const keys = [...found.keys()].map((key) => key.split('|'));
    expect(new Set(keys.map(([subject]) => subject))).toEqual(
      new Set(Array.from({ length: 8 }, (_, i) => `33:${String(i + 9).padStart(8, '0')}`)),
    );
    expect(new Set(keys.map(([, , , indicator]) => indicator))).toEqual(new Set(names));
    const times = [...new Set(keys.map(([, time]) => Number(time)))].sort((a, b) => a - b);
    expect(times.length).toBe(40);
    expect(times.slice(-2)).toEqual([1696032000, 1703980800]);
  });

  test('quarters carry their period codes and become public after they end', () => {
    const codes: Record<string, string> = {
      '03-31': '596003',
      '06-30': '596002',
      '09-30': '596004',
      '12-31': '596001',
    };
    for (const { time, declared, period } of records({ quarters: 400, subjects: 1 })) {
      expect(period).toBe(codes[new Date(time! * 1000).toISOString().slice(5, 10)]);
      expect(declared! - time!).toBeGreaterThan(9 * 86_400);
      expect(declared! - time!).toBeLessThan(121 * 86_400);
    }
  });

  test('subjects have names, dates, pools and tags; everything is valid', () => {
    const lines = parsed({ subjects: 300, indicators: 40, quarters: 2, days: 3, revisions: 0.2 });
    const subjects = lines.filter(({ type }) => type === 'subject') as unknown as Record<string, never>[];
    expect(new Set(subjects.map(({ name }) => name)).size).toBe(300);
    for (const { subject, listing_date, topics, tags } of subjects) {
      expect(isSubject(subject)).toBe(true);
      expect(new Date(listing_date).toISOString().slice(0, 10)).toBe(listing_date);
      expect(topics).toContain('stock_a_listing_pool');
      expect(Object.keys(tags)).toEqual(['concept', 'industry']);
    }
    for (const { type, values } of lines) {
      if (type !== 'record') continue;
      expect(Object.keys(values!).every(isIndicator) && Object.values(values!).every(Number.isFinite)).toBe(
        true,
      );
    }
  });

  test('the numbers of a report fit together', () => {
    for (const { values } of records({ quarters: 400 })) {
      expect(values!.operating_income! - values!.total_operating_cost!).toBe(values!.operating_profit);
      expect(values!.operating_income).toBeGreaterThan(0);
      expect(Math.abs(values!.parent_holder_net_profit!)).toBeLessThanOrEqual(Math.abs(values!.net_profit!));
    }
  });

  test('corrections come later under another declared date', () => {
    const all = records({ subjects: 100, revisions: 0.1 });
    const later = all.filter(({ period }) => period === undefined);
    expect(later.length / 4_000).toBeGreaterThan(0.07);
    expect(later.length / 4_000).toBeLessThan(0.13);
    const first = new Map(
      all
        .filter(({ period }) => period)
        .map((record) => [`${record.subject} ${record.time}`, record.declared!]),
    );
    expect(later.every(({ subject, time, declared }) => declared! > first.get(`${subject} ${time}`)!)).toBe(
      true,
    );
  });

  test('prices are those of weekdays, and open where they closed', () => {
    const days = records({ subjects: 1, quarters: 0, days: 50 });
    expect(days.length).toBe(50);
    for (const [i, { time, values }] of days.entries()) {
      expect([0, 6]).not.toContain(new Date(time! * 1000).getUTCDay());
      expect(
        values!.low! <= Math.min(values!.open!, values!.close!) &&
          values!.high! >= Math.max(values!.open!, values!.close!),
      ).toBe(true);
      if (i > 0) expect(values!.open).toBe(days[i - 1].values!.close);
    }
  });
});

describe('determinism', () => {
  test('the same options make the same bytes, today and tomorrow', () => {
    expect(digest({ subjects: 50, indicators: 30, quarters: 9, days: 5, revisions: 0.2 })).toBe(
      '4200d39fd44ac9cd21e231e8ff4903b472fbb8c6f1e7eaf77714922bc10046df',
    );
    expect(digest({ seed: 2 })).not.toBe(digest({ seed: 1 }));
  });

  test('the order changes nothing but the order', () => {
    const options = { subjects: 20, quarters: 8, days: 10, revisions: 0.2 };
    const byTime = [...sampleLines({ ...options, order: 'time' })];
    expect(byTime.toSorted()).toEqual([...sampleLines(options)].toSorted());
    const times = byTime.map((line) => (JSON.parse(line) as IngestRecord).time ?? 0);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('fewer subjects, quarters or indicators are a part of more', () => {
    const more = observationsOf(parsed({ subjects: 12, quarters: 12, indicators: 12 }));
    for (const [key, values] of observationsOf(parsed({ subjects: 3, quarters: 4, indicators: 2 })))
      expect(more.get(key)).toEqual(values);
  });
});

describe('writing', () => {
  let gateway: FakeGateway;
  afterEach(() => gateway.close());

  const client = (): Client =>
    new Client({
      to: gateway.url,
      signal: new AbortController().signal,
      notice: () => undefined,
      wait: async () => undefined,
    });

  test('a cluster gets every line once, with several batches under way, also when it is busy', async () => {
    gateway = await fakeGateway();
    gateway.before = (response, number) => {
      if (number % 3 === 0) answer(response, 429, 'slow down', null, { 'retry-after': '1' });
      return number % 3 === 0;
    };
    const options = { subjects: 1_000 };
    const written = await writeToCluster(sampleLines(options), client(), 4, () => undefined);
    expect(written.lines).toBe(41_000);
    const sent = gateway.lines.map((line) => JSON.stringify(line));
    expect(sent.toSorted()).toEqual([...sampleLines(options)].toSorted());
  });

  test('time order arrives in order', async () => {
    gateway = await fakeGateway();
    const options: SampleOptions = { subjects: 500, order: 'time' };
    await writeToCluster(sampleLines(options), client(), 1, () => undefined);
    expect(gateway.lines.map((line) => JSON.stringify(line))).toEqual([...sampleLines(options)]);
  });

  test('a batch that is refused for good ends it, and nothing more is sent', async () => {
    gateway = await fakeGateway();
    gateway.refuse = () => 'no';
    await expect(
      writeToCluster(sampleLines({ subjects: 5_000 }), client(), 2, () => undefined),
    ).rejects.toThrow(/400: line 1: no/);
    expect(gateway.requests.length).toBeLessThanOrEqual(2);
  });

  test('the command writes the same lines to stdout, to a cluster, and stops when nobody reads', async () => {
    gateway = await fakeGateway();
    const root = new URL('../../', import.meta.url).pathname;
    const run = (
      args: string[],
      firstOnly = false,
    ): Promise<{ code: number | null; stdout: string; stderr: string }> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, ['--import', 'tsx', 'cli/sample/main.ts', ...args], {
          cwd: root,
        });
        let [stdout, stderr] = ['', ''];
        child.stdout.on('data', (text) => {
          stdout += text;
          if (firstOnly) child.stdout.destroy();
        });
        child.stderr.on('data', (text) => (stderr += text));
        child.on('close', (code) => resolve({ code, stdout, stderr }));
      });
    const expected = `${[...sampleLines({ subjects: 10, quarters: 3 })].join('\n')}\n`;
    const [toStdout, toCluster, cut, unknown, bad] = await Promise.all([
      run(['--subjects', '10', '--quarters', '3']),
      run(['--subjects', '10', '--quarters', '3', '--order', 'time', '--to', gateway.url]),
      run(['--subjects', '100000'], true),
      run(['--subject', '10']),
      run(['--subjects', 'many']),
    ]);
    expect(toStdout).toMatchObject({ code: 0, stdout: expected });
    expect(toCluster).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('40 lines written to'),
    });
    expect(gateway.lines.map((line) => JSON.stringify(line)).toSorted()).toEqual(
      expected.trimEnd().split('\n').toSorted(),
    );
    expect(cut).toMatchObject({ code: 0, stderr: '' });
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean --subjects?') });
    expect(bad).toMatchObject({
      code: 2,
      stderr: '--subjects: expected a whole number from 1 to 10000000, got many\n',
    });
  });
});
