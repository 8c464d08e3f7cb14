import { expect, test } from 'vitest';
import { CommandError } from '../cli/command.ts';
import { share } from './load/closed.ts';
import { parseWrk } from './load/wrk.ts';
import { benchOptions } from './options.ts';
import { markdownOf, table } from './report/report.ts';

test('connections share the requests out, or all walk the few there are from different places', () => {
  expect([0, 1, 2].map((index) => share([0, 1, 2, 3, 4, 5, 6], index, 3))).toEqual([
    [0, 3, 6],
    [1, 4],
    [2, 5],
  ]);
  expect([0, 1, 2].map((index) => share([0, 1], index, 3))).toEqual([
    [0, 1],
    [1, 0],
    [0, 1],
  ]);
});

test('what wrk prints is read, its errors too', () => {
  const text = [
    '  Latency Distribution',
    '     50%  840.00us',
    '     90%    1.20ms',
    '  63340 requests in 1.10s, 45.31MB read',
    '  Socket errors: connect 0, read 2, write 0, timeout 1',
    '  Non-2xx or 3xx responses: 5',
    'Requests/sec:  57563.52',
  ].join('\n');
  expect(parseWrk(text)).toEqual({ perSecond: 57563.52, requests: 63340, errors: 8, p50Micros: 840 });
  expect(parseWrk('     50%    1.50ms\n').p50Micros).toBe(1_500);
});

test('options have the defaults of the contract, and complain by name', () => {
  expect(benchOptions(['--scenario', '3'], {})).toMatchObject({
    mode: 'scenario',
    scenario: 3,
    requests: 10_000,
    concurrent: 50,
    isChecked: true,
  });
  expect(benchOptions(['--growth', '--subjects', '10,20'], {})?.subjects).toEqual([10, 20]);
  expect(benchOptions(['--scenario', '1', '--key', 'kk.secret'], {})?.command).not.toContain('secret');
  expect(benchOptions(['--help'], {})).toBeUndefined();
  for (const [args, message] of [
    [['--scenario', '9'], '--scenario: expected a whole number from 1 to 8, got 9'],
    [['--limits', '--size'], 'got 2'],
    [['--scenario', '1', '--write-ratio', '2'], '--write-ratio: expected a number from 0 to 1, got 2'],
    [['--scenaro', '1'], 'did you mean --scenario?'],
    [['--growth', '--runtime', 'bun'], '--runtime: expected deno or node, got bun'],
    [['--core', '--runtime', 'node'], '--runtime: means nothing beside --core'],
    [['--limits', '--target', 'http://127.0.0.1:9000'], '--target: means nothing beside --limits'],
    [['--scenario', '1', '--target', 'http://h', '--slaves', '3'], '--slaves: expected only where a cluster'],
    [['--scenario', '1', '--subjects', '10,20'], '--subjects: expected one number'],
    [['--scenario', '1', '--pool-subjects', 'a,,b'], '--pool-subjects: expected A,B,…, got a,,b'],
  ] as const) {
    expect(() => benchOptions(args, {})).toThrow(CommandError);
    expect(() => benchOptions(args, {})).toThrow(message);
  }
});

test('a report says first what makes its figures worthless', () => {
  const report = {
    name: 'x',
    title: 'A run',
    command: 'npm run bench -- --core',
    sections: [{ title: 'Figures', headers: ['a', 'b'], rows: [['1|2', 3]] }],
    raw: {},
    charts: [{ name: 'picture', svg: '<svg/>' }],
    faults: ['1 of 2 answers wrong'],
  };
  const markdown = markdownOf(report);
  expect(markdown).toContain('**Faults:**\n- 1 of 2 answers wrong');
  expect(markdown).toContain('![picture](picture.svg)');
  expect(table(['a', 'b'], [['1|2', 3]])).toBe('| a | b |\n| --- | --- |\n| 1\\|2 | 3 |');
});
