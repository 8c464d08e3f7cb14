/** Answers in columns that are larger than what anybody holds of them, on both runtimes: whole, or visibly not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Part } from '../cli/start/part.ts';
import { eventually, ingest, startCluster, type TestCluster } from './support/cluster.ts';

const TIMEOUT_MS = 120_000;
const SUBJECTS = 60;
const TIMES = 2_000;
const ROWS = SUBJECTS * TIMES;

let running: TestCluster;
const gateways: Partial<Record<'deno' | 'node', Part>> = {};
let headers: Record<string, string>;

beforeAll(async () => {
  running = await startCluster({ slaves: 2, replicas: 1, runtime: 'deno' });
  gateways.deno = running.cluster.gateway;
  gateways.node = await running.addGateway('node');
  let seq = 0;
  for (let subject = 0; subject < SUBJECTS; subject++) {
    let lines = `{"type":"subject","subject":"s:${subject}","topics":["t"]}\n`;
    for (let time = 0; time < TIMES; time++)
      lines += `{"type":"record","subject":"s:${subject}","time":${time * 86_400},"values":{"a":${time / 8},"b":${subject}}}\n`;
    seq = await ingest(gateways.deno.url, lines);
  }
  headers = { 'x-kamaitachi-min-seq': String(seq) };
}, TIMEOUT_MS);

afterAll(() => running?.stop());

function ask(gateway: Part, format: string, sent: Record<string, string> = {}): Promise<Response> {
  const query = `topic=t&ids=a,b&from=0&to=2100-01-01&format=${format}`;
  return fetch(`${gateway.url}/kamaitachi/api/data/v1/period?${query}`, { headers: sent });
}

describe.each(['deno', 'node'] as const)('a gateway on %s', (runtime) => {
  test('sends all rows in order, however many chunks they come in', { timeout: TIMEOUT_MS }, async () => {
    const answer = await ask(gateways[runtime]!, 'csv', headers);
    const lines = (await answer.text()).trimEnd().split('\n');
    expect(lines.length).toBe(ROWS + 1);
    const subjects = [...new Set(lines.slice(1).map((line) => line.slice(0, line.indexOf(','))))];
    expect(subjects).toEqual(subjects.toSorted());
    expect(lines[1]).toBe('s:0,s:0,1975-06-23 00:00:00,,,249.875,0');
    expect(lines.at(-1)).toMatch(/^s:9,s:9,1970-01-01 00:00:00,,,0,9$/);
  });

  test('breaks off where a slave dies in the middle', { timeout: TIMEOUT_MS }, async () => {
    const answer = await ask(gateways[runtime]!, 'ndjson');
    expect(answer.status).toBe(200);
    const reader = answer.body!.getReader();
    await reader.read();
    const slave = running.cluster.slaves.get('slave-1')!;
    const { pid } = slave;
    slave.signal('SIGKILL');
    const rest = async () => {
      while (!(await reader.read()).done);
    };
    await expect(rest()).rejects.toThrow();
    await eventually('slave-1 is back', () => slave.isUp && slave.pid !== pid);
    await running.ready();
    await eventually('all of it is answered again', async () => {
      const again = await ask(gateways[runtime]!, 'csv');
      return again.ok && (await again.text()).split('\n').length === ROWS + 2;
    });
  });
});
