import { describe, expect, it } from 'vitest';
import { Visitors } from './visitors.ts';

const local = { isLocal: true, host: '127.0.0.1', allowedHosts: [], origins: [] };

describe('a part that only this machine reaches', () => {
  it.each([
    'localhost:9000',
    'LOCALHOST',
    '127.0.0.1:9000',
    '127.8.9.1',
    '[::1]:80',
    'gateway:9000',
    'localhost.',
  ])('answers as %s', (host) => {
    expect(() => new Visitors(local).checkHost(host)).not.toThrow();
  });

  it.each(['evil.example', 'evil.example:9000', '127.0.0.1.evil.example', '10.0.0.1', '[::2]:80'])(
    'does not answer as %j',
    (host) => {
      const visitors = new Visitors(local);
      for (let i = 0; i < 2; i++) expect(() => visitors.checkHost(host)).toThrow('--allowed-hosts');
    },
  );

  it('answers under names that it is told, and under all with *', () => {
    const named = new Visitors({ ...local, allowedHosts: ['Cache.Example'] });
    expect(() => named.checkHost('cache.example:443')).not.toThrow();
    expect(() => named.checkHost('other.example')).toThrow('host: expected');
    expect(() => new Visitors({ ...local, allowedHosts: ['*'] }).checkHost('any.example')).not.toThrow();
  });

  it('remembers only so many names', () => {
    const visitors = new Visitors(local);
    for (let i = 0; i < 1_000; i++) visitors.checkHost(`name-${i}`);
    expect(() => visitors.checkHost('evil.example')).toThrow();
  });
});

it('a part that others reach too answers under any name', () => {
  expect(() => new Visitors({ ...local, isLocal: false }).checkHost('cache.example')).not.toThrow();
});

describe('what changes something', () => {
  const check = (headers: Record<string, string>, origins: string[] = []) =>
    expect(() =>
      new Visitors({ ...local, origins }).checkOrigin(new Headers({ host: '127.0.0.1:9000', ...headers })),
    );

  it('is taken from programs and from own pages', () => {
    check({}).not.toThrow();
    check({ origin: 'http://127.0.0.1:9000' }).not.toThrow();
    check({ origin: 'https://public.example', 'sec-fetch-site': 'same-origin' }).not.toThrow();
    check({ 'sec-fetch-site': 'none' }).not.toThrow();
  });

  it('is not taken from pages of others', () => {
    check({ origin: 'http://evil.example' }).toThrow('origin: expected');
    check({ origin: 'null' }).toThrow('origin: expected');
    // Another port of this machine is another origin.
    check({ origin: 'http://127.0.0.1:39091' }).toThrow('origin: expected');
    check({ 'sec-fetch-site': 'cross-site' }).toThrow('cross-site');
    check({ 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:39091' }).toThrow('origin: expected');
  });

  it('is taken from origins that are named, and from all with *', () => {
    const headers = { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' };
    check(headers, ['https://app.example']).not.toThrow();
    check(headers, ['*']).not.toThrow();
    check(headers, ['https://other.example']).toThrow();
  });
});
