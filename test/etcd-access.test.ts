/** An etcd that asks who is there: over TLS with certificates of both sides, and with users and passwords. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3, Range } from 'etcd3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Options } from '../shared/options/config.ts';
import { type Certificates, makeCertificates } from './support/certificates.ts';
import { eventually } from './support/cluster.ts';
import { type Member, runMember } from './support/discovery-member.ts';
import { hasEtcd, TestEtcd } from './support/etcd.ts';

const PASSWORD = 'a password with blanks';

describe.runIf(hasEtcd('the tests of access to etcd'))('an etcd with TLS and users', () => {
  let folder: string;
  let own: Certificates;
  let foreign: Certificates;
  let etcd: TestEtcd;
  const prefix = '/access/';
  let child: Member;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kamaitachi-etcd-access-'));
    own = makeCertificates(folder, 'own');
    foreign = makeCertificates(folder, 'foreign');
    etcd = await TestEtcd.create('127.0.0.1', own);
    await etcd.start();
    const admin = new Etcd3({
      hosts: etcd.url,
      credentials: {
        rootCertificate: readFileSync(own.tlsCa),
        certChain: readFileSync(own.tlsCert),
        privateKey: readFileSync(own.tlsKey),
      },
    });
    for (const name of ['root', 'member']) await admin.role(name).create();
    await admin.role('member').grant({ permission: 'Readwrite', range: Range.prefix(prefix) });
    await (await admin.user('root').create(PASSWORD)).addRole('root');
    await (await admin.user('member').create(PASSWORD)).addRole('member');
    await admin.auth.authEnable();
    admin.close();
  });

  afterAll(async () => {
    await etcd?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  afterEach(() => child.kill());

  const options = (given: Partial<Options> = {}): Partial<Options> => {
    const etcdPasswordFile = join(folder, 'password');
    writeFileSync(etcdPasswordFile, `${PASSWORD}\n`);
    return {
      etcd: [etcd.url],
      etcdPrefix: prefix,
      leaseTtlMs: 1_000,
      etcdUser: 'member',
      etcdPasswordFile,
      etcdCa: own.tlsCa,
      etcdCert: own.tlsCert,
      etcdKey: own.tlsKey,
      ...given,
    };
  };

  test.each(['node', 'deno'])('lets a process on %s in that shows the right ones', async (runtime) => {
    // Deno takes no address where it checks a certificate.
    const url = etcd.url.replace('127.0.0.1', 'localhost');
    child = runMember(runtime, options({ nodeId: runtime, etcd: [url] }));
    await eventually('it sees itself', () => child.view?.members.some(({ id }) => id === runtime) === true);
    child.end();
    expect(await child.exited).toBe(0);
  });

  test.each([
    ['a wrong password', () => ({ etcdPasswordFile: wrongPassword(folder) })],
    ['no user', () => ({ etcdUser: undefined, etcdPasswordFile: undefined })],
    ['a foreign certificate', () => ({ etcdCert: foreign.tlsCert, etcdKey: foreign.tlsKey })],
    ['another authority to check etcd against', () => ({ etcdCa: foreign.tlsCa })],
    ["a prefix that is not the user's", () => ({ etcdPrefix: '/other/' })],
  ])('keeps out who shows %s, and the process says so and goes on trying', async (_, given) => {
    child = runMember('node', options({ nodeId: 'stranger', ...given() }));
    await eventually('it says that etcd is away', () => child.states.includes('away'));
    expect(child.view).toBeUndefined();
    child.kill();
    await child.exited;
  });
});

function wrongPassword(folder: string): string {
  const path = join(folder, 'wrong');
  writeFileSync(path, 'guessed');
  return path;
}
