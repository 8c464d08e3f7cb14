import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { argvOf, helpText, hostPort, parseOptions, UsageError } from './config.ts';

const parse = (...argv: string[]) => parseOptions(argv, {});

describe('parseOptions', () => {
  test('puts in the defaults of the documentation', () => {
    expect(parse()).toMatchObject({
      slaves: 2,
      replicas: 2,
      gatewayPort: 9000,
      masterPort: 8080,
      slavePort: 8081,
      dataDir: 'data',
      sample: 'fundamentals',
      discovery: 'embedded',
      etcd: ['http://127.0.0.1:2379'],
      host: '127.0.0.1',
      master: 'http://127.0.0.1:8080',
      nodeId: '',
      members: [],
      weight: 1,
      cacheBytes: 512 * 1024 * 1024,
      fillBytesPerSecond: 4 * 1024 * 1024,
      edgeCacheBytes: 0,
      maxQueryBytes: 2 * 1024 * 1024,
      maxIngestBytes: 16 * 1024 * 1024,
      corsOrigins: [],
      leaseTtlMs: 5_000,
      ownershipDelayMs: 60_000,
      database: 'file:data/kamaitachi.db',
      logLevel: 'info',
    });
    expect(parse().runtime).toBeUndefined();
  });

  test('reads a value after a blank or after an equals sign, the last one of several', () => {
    expect(parse('--slaves', '3', '--replicas=1')).toMatchObject({ slaves: 3, replicas: 1 });
    expect(parse('--slaves', '3', '--slaves', '4').slaves).toBe(4);
  });

  test('reads variables, and lets a flag win over them', () => {
    expect(parseOptions([], { KAMAITACHI_GATEWAY_PORT: '9100' }).gatewayPort).toBe(9100);
    expect(parseOptions(['--gateway-port=9200'], { KAMAITACHI_GATEWAY_PORT: '9100' }).gatewayPort).toBe(9200);
  });

  test('asks the master over TLS where certificates are checked', () => {
    expect(parse('--tls-ca=ca.pem').master).toBe('https://127.0.0.1:8080');
    expect(parse('--tls-ca=ca.pem', '--master=http://a:1').master).toBe('https://a:1');
    expect(parse('--master=http://a:1').master).toBe('http://a:1');
  });

  test('takes rates by class, and no others', () => {
    expect(parse('--rate-limit=snapshot=200,default=0.5:10').rateLimit).toEqual([
      'snapshot=200',
      'default=0.5:10',
    ]);
    for (const wrong of [
      '5',
      'snapshot',
      'snapshot=',
      'snapshot=0',
      'snapshot=5:0',
      'other=5',
      'snapshot=-1',
      'snapshot=1e3',
    ])
      expect(() => parse(`--rate-limit=${wrong}`), wrong).toThrow(
        /^--rate-limit: expected items such as snapshot=200/,
      );
  });

  test('takes addresses and networks as trusted proxies, and names the item that is neither', () => {
    expect(parse('--trusted-proxies=10.0.0.5, 10.0.0.0/8,fd00::/8').trustedProxies).toEqual([
      '10.0.0.5',
      '10.0.0.0/8',
      'fd00::/8',
    ]);
    expect(parse('--trusted-proxies=').trustedProxies).toEqual([]);
    for (const wrong of ['proxy.example', '10.0.0.5/8', '10.0.0.0/33', '10.0.0.5:80', 'fd00::/129'])
      expect(() => parse(`--trusted-proxies=10.0.0.5,${wrong},fd00::/8`), wrong).toThrow(
        `--trusted-proxies: expected addresses and networks such as 10.0.0.5, 10.0.0.0/8 or fd00::/8 (no bits set beyond the prefix) with commas between, got "${wrong}"`,
      );
  });

  test('takes a variable that is set to nothing as not set', () => {
    expect(parseOptions([], { KAMAITACHI_SLAVES: '' }).slaves).toBe(2);
  });

  test('derives the master and the database from host, port and data directory', () => {
    expect(parse('--host', '10.0.0.5', '--master-port', '7000').master).toBe('http://10.0.0.5:7000');
    expect(parse('--host', '::1').master).toBe('http://[::1]:8080');
    expect(parse('--master', 'http://elsewhere:8080/').master).toBe('http://elsewhere:8080');
    expect(parse('--data-dir', '/var/my data').database).toBe('file:/var/my%20data/kamaitachi.db');
    expect(parse('--database', 'libsql://db.example').database).toBe('libsql://db.example');
  });

  test('splits lists at commas', () => {
    expect(parse('--members', 'a:1, b:2,').members).toEqual(['a:1', 'b:2']);
    expect(parse('--cors-origins', 'https://a.example,http://b.example:81').corsOrigins).toEqual([
      'https://a.example',
      'http://b.example:81',
    ]);
  });

  test('understands sizes with a unit', () => {
    expect(parse('--cache-bytes', '64MiB').cacheBytes).toBe(64 * 1024 * 1024);
    expect(parse('--cache-bytes', '1000').cacheBytes).toBe(1000);
  });

  test.each([
    [['--slavse', '3'], '--slavse: unknown option, did you mean --slaves?'],
    [['--gatewayport=1'], '--gatewayport: unknown option, did you mean --gateway-port?'],
    [['--etcd', 'http://a:1'], '--etcd: expected --discovery etcd with it, got --discovery embedded'],
    [['-slaves', '3'], '-slaves: unknown option, did you mean --slaves?'],
    [
      ['3'],
      '"3": expected an option such as --slaves 2; with npm put -- before the options: npm start -- --slaves 2',
    ],
    [['--slaves'], '--slaves: expected a value after it, got nothing'],
    [['--slaves', '--replicas', '2'], '--slaves: expected a value after it, got --replicas'],
    [['--slaves', '0'], '--slaves: expected a whole number from 1 to 64, got "0"'],
    [['--slaves', '2.5'], '--slaves: expected a whole number from 1 to 64, got "2.5"'],
    [['--slaves='], '--slaves: expected a whole number from 1 to 64, got ""'],
    [['--gateway-port', '65536'], '--gateway-port: expected a whole number from 0 to 65535, got "65536"'],
    [['--runtime', 'bun'], '--runtime: expected deno or node, got "bun"'],
    [['--discovery', 'dns'], '--discovery: expected embedded or etcd or static, got "dns"'],
    [['--weight', '0'], '--weight: expected a number over 0, at most 16, got "0"'],
    [
      ['--cache-bytes', '12MB'],
      '--cache-bytes: expected a number of bytes such as 1048576 or 512MiB, got "12MB"',
    ],
    [['--master', 'elsewhere'], '--master: expected a URL with http: or https:, got "elsewhere"'],
    [['--host', 'a b'], '--host: expected a host name or address, got "a b"'],
    [['--members', 'a'], '--members: expected host:port items with commas between, got "a"'],
    [['--members', 'a:1, b, c'], '--members: expected host:port items with commas between, got "b"'],
    [['--cors-origins', 'https://a/b'], '--cors-origins: expected * or origins'],
    [['--data-dir', ''], '--data-dir: expected 1 to 4096 printable characters, got ""'],
  ])('refuses %j in one line', (argv, message) => {
    expect(() => parseOptions(argv, {})).toThrow(UsageError);
    expect(() => parseOptions(argv, {})).toThrow(message);
    expect(() => parseOptions(argv, {})).not.toThrow('\n');
  });

  test('names the variable that holds a wrong value', () => {
    expect(() => parseOptions([], { KAMAITACHI_SLAVES: 'many' })).toThrow(
      'KAMAITACHI_SLAVES: expected a whole number from 1 to 64, got "many"',
    );
  });

  test('refuses a variable that looks like a misspelt option, and leaves the others alone', () => {
    expect(() => parseOptions([], { KAMAITACHI_SLAVSE: '3' })).toThrow(
      'KAMAITACHI_SLAVSE: unknown variable, did you mean KAMAITACHI_SLAVES?',
    );
    expect(() =>
      parseOptions([], { KAMAITACHI_KEY: 'k', KAMAITACHI_TO: 'http://x', KAMAITACHI_BUILD_NUMBER: '7' }),
    ).not.toThrow();
  });
});

describe('argvOf', () => {
  test('writes a command line that reads back as the same options', () => {
    fc.assert(
      fc.property(
        fc.record({
          slaves: fc.integer({ min: 1, max: 64 }),
          gatewayPort: fc.integer({ min: 0, max: 65535 }),
          nodeId: fc.constantFrom('', 'slave-1', '--odd', 'a=b'),
          dataDir: fc.constantFrom('data', '/tmp/a b', '-x', 'a=b'),
          weight: fc.constantFrom(0.5, 1, 16),
          members: fc.constantFrom<string[]>([], ['a:1', '[::1]:2']),
          runtime: fc.constantFrom('deno' as const, 'node' as const, undefined),
        }),
        (some) => {
          const options = { ...parse(), ...some };
          expect(parseOptions(argvOf(options), {})).toEqual(options);
        },
      ),
    );
  });
});

describe('help', () => {
  test('of each program shows the options that it uses, once, with their values and defaults', () => {
    const all = argvOf({ ...parse('--discovery=etcd'), runtime: 'node' }).map((argument) =>
      argument.slice(0, argument.indexOf('=')),
    );
    const shown = new Set<string>();
    for (const program of ['start', 'gateway', 'slave', 'master'] as const) {
      const flags = helpText('x', program)
        .split('\n')
        .flatMap((line) => /^ {2}(--[a-z-]+) /.exec(line)?.[1] ?? []);
      expect(new Set(flags).size).toBe(flags.length);
      for (const flag of flags) shown.add(flag);
    }
    for (const flag of all) expect(shown).toContain(flag);
    expect(helpText('npm start --', 'start')).toContain('usage: npm start -- [options]');
    expect(helpText('x', 'gateway')).toMatch(/--gateway-port PORT .*\(9000\)/);
    expect(helpText('x', 'gateway')).not.toContain('--log-keep-ms');
    expect(helpText('x', 'start')).toMatch(/--discovery embedded\|etcd\|static /);
  });
});

test('hostPort puts an IPv6 address into brackets', () => {
  expect(hostPort('127.0.0.1', 80)).toBe('127.0.0.1:80');
  expect(hostPort('::1', 80)).toBe('[::1]:80');
});
