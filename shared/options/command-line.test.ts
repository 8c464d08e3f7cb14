import { expect, test } from 'vitest';
import { asksFor, describeOptions, readCommandLine, UsageError } from './command-line.ts';

const TABLE = {
  scopes: { value: 'A,B', says: 'what it may do', variable: 'KAMAITACHI_SCOPES', fallback: 'read' },
  'dry-run': { says: 'sends nothing' },
};

const read = (argv: string[], env = {}) => {
  const { given, rest } = readCommandLine(TABLE, argv, env);
  return { given: Object.fromEntries(Array.from(given, ([name, { text }]) => [name, text])), rest };
};

test('help and version are asked for by their flags, up to a -- of its own', () => {
  expect(asksFor(['--nonsense', '--help'])).toBe('help');
  expect(asksFor(['-h'])).toBe('help');
  expect(asksFor(['x', '--version'])).toBe('version');
  expect(asksFor(['--host', 'h'])).toBeUndefined();
  expect(asksFor(['--', '--help'])).toBeUndefined();
});

test('flags, switches, names and variables are told apart', () => {
  expect(read(['a', '--scopes', 'read', '--dry-run', '-', '-5'])).toEqual({
    given: { scopes: 'read', 'dry-run': 'true' },
    rest: ['a', '-', '-5'],
  });
  expect(read(['--scopes=a=b'])).toEqual({ given: { scopes: 'a=b' }, rest: [] });
  expect(read(['--', '--scopes'])).toEqual({ given: {}, rest: ['--scopes'] });
  expect(read([], { KAMAITACHI_SCOPES: 'write' }).given).toEqual({ scopes: 'write' });
  expect(read(['--scopes=x'], { KAMAITACHI_SCOPES: 'write' }).given).toEqual({ scopes: 'x' });
  expect(read([], { KAMAITACHI_SCOPES: '' }).given).toEqual({});
});

test.each([
  [['--scope', 'x'], '--scope: unknown option, did you mean --scopes?'],
  [['--toString'], '--toString: unknown option'],
  [['--scopes'], '--scopes: expected a value after it, got nothing'],
  [['--scopes', '--dry-run'], '--scopes: expected a value after it, got --dry-run'],
  [['--dry-run=yes'], '--dry-run: expected no value, got "yes"'],
])('refuses %j in one line', (argv, message) => {
  expect(() => read(argv)).toThrow(UsageError);
  expect(() => read(argv)).toThrow(message);
});

test('the help has a line for each option, with default and variable', () => {
  expect(
    describeOptions(TABLE)
      .split('\n')
      .map((line) => line.trim().replace(/ {2,}/, ' | ')),
  ).toEqual([
    '--scopes A,B | what it may do (read; KAMAITACHI_SCOPES)',
    '--dry-run | sends nothing',
    '--help | this text',
    '--version | the version',
  ]);
});
