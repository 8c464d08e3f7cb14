import { describe, expect, it } from 'vitest';
import { createClientAddress } from './client-address.ts';

describe('the address of a client', () => {
  const of = (peer: string, forwarded: string | undefined, trusted: string[]) =>
    createClientAddress(
      () => peer,
      trusted,
    )(new Request('http://x', { headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } }));

  it('is where the connection comes from, whatever is forwarded, unless that is a trusted proxy', () => {
    expect(of('10.0.0.9', '1.1.1.1', [])).toBe('10.0.0.9');
    expect(of('10.0.0.9', '1.1.1.1', ['10.0.0.1'])).toBe('10.0.0.9');
    expect(of('10.0.0.1', '1.1.1.1', ['10.0.0.1'])).toBe('1.1.1.1');
    expect(of('::ffff:10.0.0.1', '1.1.1.1', ['10.0.0.1'])).toBe('1.1.1.1');
    expect(of('10.0.0.1', undefined, ['10.0.0.1'])).toBe('10.0.0.1');
    expect(of('', '1.1.1.1', ['10.0.0.1'])).toBe('');
  });

  it('is the last one that no proxy of ours has: what a client forwards itself counts for nothing', () => {
    const trusted = ['10.0.0.1', '10.0.0.2'];
    expect(of('10.0.0.1', '6.6.6.6, 1.1.1.1, 10.0.0.2', trusted)).toBe('1.1.1.1');
    expect(of('10.0.0.1', '10.0.0.2', trusted)).toBe('10.0.0.2');
    expect(of('10.0.0.1', ' , ', trusted)).toBe('10.0.0.1');
    expect(of('10.0.0.1', '1.1.1.1:4711', trusted)).toBe('1.1.1.1');
    expect(of('10.0.0.1', 'x'.repeat(10_000), trusted).length).toBeLessThanOrEqual(64);
  });

  it('is a network of 64 bits where it is IPv6', () => {
    expect(of('2001:db8:1:2:3:4:5:6', undefined, [])).toBe('2001:db8:1:2');
    expect(of('2001:db8::6', undefined, [])).toBe('2001:db8:0:0');
    expect(of('::1', '[2001:DB8:1:2::9]:443', ['::1'])).toBe('2001:db8:1:2');
    expect(of('::1', undefined, [])).toBe('0:0:0:0');
  });

  it('is looked for behind every proxy of a network that is trusted', () => {
    const trusted = ['10.0.0.0/8', 'fd00::/8', '192.0.2.1'];
    expect(of('10.9.9.9', '6.6.6.6, 1.1.1.1, fd00::7, 192.0.2.1, ::ffff:10.1.1.1', trusted)).toBe('1.1.1.1');
    expect(of('::ffff:a09:909', '1.1.1.1', trusted)).toBe('1.1.1.1');
    expect(of('fdff::1', '1.1.1.1, 11.0.0.1', trusted)).toBe('11.0.0.1');
    expect(of('192.0.2.2', '1.1.1.1', trusted)).toBe('192.0.2.2');
    expect(of('fe80::1%eth0', '1.1.1.1', ['fe80::/10'])).toBe('1.1.1.1');
    expect(of('10.9.9.9', 'unknown, 10.0.0.2', trusted)).toBe('unknown');
    expect(of('10.9.9.9', '10.0.0.3, 10.0.0.2', trusted)).toBe('10.0.0.3');
  });

  it('is one, however it is spelt', () => {
    for (const proxy of ['fd00::1', 'FD00:0:0:0::1', 'fd00:0000:0000:0000:0000:0000:0000:0001'])
      expect(of(proxy, '2001:0DB8:0000::1', ['fd00:0::1']), proxy).toBe('2001:db8:0:0');
    for (const client of ['1.2.3.4', '::ffff:1.2.3.4', '[::ffff:102:304]:80', ' 1.2.3.4:80'])
      expect(of('::1', client, ['::1']), client).toBe('1.2.3.4');
    expect(of('255.254.128.0', undefined, [])).toBe('255.254.128.0');
  });

  it('cannot be told where a trusted proxy is neither address nor network', () => {
    for (const wrong of ['proxy.example', '10.0.0.5/8', ''])
      expect(() => of('10.0.0.1', undefined, [wrong])).toThrow(
        `trusted proxy: expected an address or a network, got ${wrong}`,
      );
  });
});
