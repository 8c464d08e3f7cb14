import { describe, expect, test } from 'vitest';
import { UsageError } from './config.ts';
import { checkExposure, type ExposureOptions, isLoopback, type Role } from './exposure.ts';

const check = (role: Role, given: Partial<ExposureOptions>) => () =>
  checkExposure(role, {
    ...{ host: '127.0.0.1', clusterTokenFile: undefined, keys: undefined },
    ...{ tlsCert: undefined, tlsKey: undefined, tlsCa: undefined },
    ...given,
  });
const ROLES: Role[] = ['gateway', 'slave', 'master', 'start'];

test('this machine alone is 127.0.0.0/8, ::1 and localhost', () => {
  for (const host of ['127.0.0.1', '127.255.0.9', '::1', 'localhost', 'LocalHost'])
    expect(isLoopback(host)).toBe(true);
  const others = [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '127.0.0.1.example.org',
    '127.0.0.256',
    '127.1',
    'localhost.org',
    '1127.0.0.1',
  ];
  for (const host of others) expect(isLoopback(host), host).toBe(false);
});

describe('beyond this machine', () => {
  test.each(ROLES)(
    'a %s without a cluster token does not listen, and says in one line how it would',
    (role) => {
      for (const host of ['0.0.0.0', '::', '10.1.2.3', 'node-1']) {
        expect(check(role, { host, keys: 'k' })).toThrow(UsageError);
        expect(check(role, { host, keys: 'k' })).toThrow(
          /^--host \S+: .*--cluster-token-file FILE \(.*openssl rand.*[^\n]*$/,
        );
      }
      expect(check(role, { host: '0.0.0.0', keys: 'k', clusterTokenFile: 't' })).not.toThrow();
      expect(check(role, {})).not.toThrow();
    },
  );

  test('what clients reach asks for keys as well', () => {
    const host = '0.0.0.0';
    for (const role of ['gateway', 'start'] as const) {
      expect(check(role, { host, clusterTokenFile: 't' })).toThrow(/add --keys FILE \(.*npm run key/);
      expect(check(role, { host })).toThrow(/--cluster-token-file .* and --keys /);
    }
    for (const role of ['slave', 'master'] as const)
      expect(check(role, { host, clusterTokenFile: 't' })).not.toThrow();
  });
});

describe('TLS', () => {
  test('takes a certificate only with its key', () => {
    for (const role of ROLES) {
      expect(check(role, { tlsCert: 'c' })).toThrow(/^--tls-key: /);
      expect(check(role, { tlsKey: 'k' })).toThrow(/^--tls-cert: /);
    }
  });

  test('inside is for all or for nobody; a gateway may have it on one side', () => {
    for (const role of ['slave', 'master', 'start'] as const) {
      expect(check(role, { tlsCert: 'c', tlsKey: 'k' })).toThrow(/^--tls-ca: /);
      expect(check(role, { tlsCa: 'a' })).toThrow(/^--tls-cert: /);
      expect(check(role, { tlsCert: 'c', tlsKey: 'k', tlsCa: 'a' })).not.toThrow();
    }
    expect(check('gateway', { tlsCert: 'c', tlsKey: 'k' })).not.toThrow();
    expect(check('gateway', { tlsCa: 'a' })).not.toThrow();
  });
});
