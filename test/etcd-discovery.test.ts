/** Discovery through a real etcd, and everything that can go wrong between it and us. */
import { Etcd3 } from 'etcd3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createEtcdDiscovery, type EtcdDiscoveryOptions } from '../shared/adapter/etcd/discovery.ts';
import type { Member, Registration, RegistryView } from '../shared/discovery/discovery.ts';
import { eventually } from './support/cluster.ts';
import { runMember } from './support/discovery-member.ts';
import { hasEtcd, quietPort, TestEtcd } from './support/etcd.ts';
import { TcpProxy } from './support/tcp-proxy.ts';

type Given = Partial<EtcdDiscoveryOptions> & { hosts?: string[] };

/** Nothing in these tests waits for a list that is read unasked, but where they say so. */
const NEVER_MS = 3_600_000;
const TTL_MS = 1_000;

describe.runIf(hasEtcd('the tests of discovery through etcd'))('discovery through etcd', () => {
  let etcd: TestEtcd;
  let admin: Etcd3;
  let prefix: string;
  let count = 0;
  const cleanups: (() => unknown)[] = [];

  beforeAll(async () => {
    etcd = await TestEtcd.start();
    admin = new Etcd3({ hosts: etcd.url });
  });

  afterAll(async () => {
    admin.close();
    await etcd.stop();
  });

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** `hosts`: other ones than those of the etcd of all tests. */
  function discovery({ hosts = [etcd.url], ...given }: Given = {}) {
    return createEtcdDiscovery({
      server: { hosts },
      prefix,
      ttlMs: TTL_MS,
      relistMs: NEVER_MS,
      ...given,
    });
  }

  async function register(member: Member, given?: Given): Promise<Registration> {
    const registration = await discovery(given).register(member);
    cleanups.push(() => registration.leave());
    return registration;
  }

  async function watch(given?: Given) {
    const views: RegistryView[] = [];
    const watching = await discovery(given).watch((view) => views.push(view));
    cleanups.push(() => watching.close());
    return {
      views,
      get ids() {
        return views.at(-1)?.members.map(({ id }) => id);
      },
      get last() {
        return views.at(-1)!;
      },
      sees: (...ids: string[]) =>
        eventually(
          `the view shows ${ids}`,
          () =>
            views
              .at(-1)
              ?.members.map(({ id }) => id)
              .join() === ids.join(),
        ),
    };
  }

  async function proxyTo(target: TestEtcd): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(target.port, await quietPort());
    cleanups.push(() => proxy.close());
    return proxy;
  }

  /** An etcd that a test may kill. */
  async function ownEtcd(): Promise<TestEtcd> {
    const own = await TestEtcd.create();
    cleanups.push(() => own.stop());
    return own;
  }

  async function keyOf(id: string) {
    const { kvs } = await admin.get(`${prefix}members/${id}`).exec();
    return kvs.at(0);
  }

  async function leaseOf(id: string): Promise<string | undefined> {
    return (await keyOf(id))?.lease;
  }

  beforeEach(() => {
    prefix = `/test-${++count}/`;
  });

  describe('a member', () => {
    test('is seen as it registered, whatever its role, by those of its own cluster only', async () => {
      const members = [
        { ...slave('b'), weight: 2.5, zone: '東' },
        { ...slave('a/1'), role: 'gateway' as const },
        { ...slave('c'), role: 'master' as const },
      ];
      const watcher = await watch();
      const stranger = await watch({ prefix: `${prefix}other/` });
      for (const member of members) await register(member);
      await watcher.sees('a/1', 'b', 'c');
      expect(watcher.last.members).toEqual([members[1], members[0], members[2]]);
      expect(watcher.last.departed).toEqual([]);
      const late = await watch();
      await late.sees('a/1', 'b', 'c');
      expect(late.last).toEqual(watcher.last);
      await stranger.sees();
      expect(stranger.views).toHaveLength(1);
    });

    test('that leaves is departed from the very revision on in which it is gone, until it comes back', async () => {
      const watcher = await watch();
      const registration = await discovery().register(slave('a'));
      await watcher.sees('a');
      await registration.leave();
      await watcher.sees();
      expect(watcher.last.departed).toEqual(['a']);
      const gone = await admin.getAll().prefix(`${prefix}departed/`).exec();
      expect(gone.kvs).toHaveLength(1);
      const before = Number(gone.kvs[0].mod_revision) - 1;
      const then = await admin.getAll().prefix(`${prefix}members/`).revision(before).exec();
      const now = await admin
        .getAll()
        .prefix(`${prefix}members/`)
        .revision(before + 1)
        .exec();
      expect([then.kvs.length, now.kvs.length]).toEqual([1, 0]);
      expect((await admin.leaseClient.leaseTimeToLive({ ID: gone.kvs[0].lease })).grantedTTL).toBe('300');
      expect(await leases()).not.toContain(then.kvs[0].lease);

      await register(slave('a'));
      await watcher.sees('a');
      expect(watcher.last.departed).toEqual([]);
      // Nor is it once it vanishes.
      expect(await admin.getAll().prefix(`${prefix}departed/`).count()).toBe(0);
    });

    test('that vanishes is gone after its lease, and not departed', async () => {
      const proxy = await proxyTo(etcd);
      const watcher = await watch();
      await register(slave('stays'));
      await register(slave('vanishes'), { hosts: [`http://127.0.0.1:${proxy.port}`] });
      await watcher.sees('stays', 'vanishes');
      proxy.stallAll();
      await watcher.sees('stays');
      expect(watcher.last.departed).toEqual([]);
    });

    test('that starts again takes its name over, and the one before it can neither take it back nor end it', async () => {
      const log: string[] = [];
      const watcher = await watch();
      const before = await register(
        { ...slave('a'), address: 'old:1' },
        { log: (_, { state }) => log.push(String(state)) },
      );
      const after = await register({ ...slave('a'), address: 'new:1' });
      const written = await keyOf('a');
      expect(written?.value.toString()).toContain('new:1');
      await eventually('the first one notices', () => log.includes('name taken'));
      await before.leave();
      expect(await keyOf('a')).toEqual(written);
      await register(slave('b'));
      await watcher.sees('a', 'b');
      expect(watcher.last.members[0].address).toBe('new:1');
      expect(watcher.last.departed).toEqual([]);
      await after.leave();
      await watcher.sees('b');
      expect(watcher.last.departed).toEqual(['a']);
    });

    test('keeps its lease over a connection that goes dead without a word', async () => {
      const proxy = await proxyTo(etcd);
      const watcher = await watch();
      const hosts = [`http://127.0.0.1:${proxy.port}`];
      await register(slave('a'), { hosts, ttlMs: 3_000 });
      // Somebody else in this process who does not notice: the connection must not be shared.
      const unaware = await watch({ hosts });
      await unaware.sees('a');
      await watcher.sees('a');
      const lease = await leaseOf('a');
      proxy.stallOpen();
      const { accepted } = proxy;
      await eventually('it dials anew', () => proxy.accepted > accepted);
      await eventually('the lease is renewed', async () => (await secondsLeft(lease!)) >= 2);
      expect(await leaseOf('a')).toBe(lease);
      expect(watcher.views.filter(({ members }) => members.length === 0)).toHaveLength(1);
    });

    test('whose lease was lost in a black hole registers again, once', async () => {
      const proxy = await proxyTo(etcd);
      const watcher = await watch();
      await register(slave('a'), { hosts: [`http://127.0.0.1:${proxy.port}`] });
      await watcher.sees('a');
      const lost = await leaseOf('a');
      proxy.stallAll();
      await watcher.sees();
      proxy.heal();
      await watcher.sees('a');
      const key = await keyOf('a');
      expect(key?.lease).not.toBe(lost);
      expect(key?.version).toBe('1');
    });

    test('whose lease was revoked, or whose key was deleted or overwritten, registers again', async () => {
      const watcher = await watch();
      await register(slave('a'));
      await watcher.sees('a');
      const isThereSince = (revision: string) =>
        eventually('it is there again', async () => {
          const key = await keyOf('a');
          return Number(key?.mod_revision) > Number(revision) && key?.lease !== '0';
        });
      await admin.leaseClient.leaseRevoke({ ID: (await leaseOf('a'))! });
      await isThereSince((await admin.put(`${prefix}elsewhere`).value('')).header.revision);
      await isThereSince((await admin.delete().key(`${prefix}members/a`)).header.revision);
      await isThereSince((await admin.put(`${prefix}members/a`).value('{"id":"a"}')).header.revision);
      await watcher.sees('a');
    });

    test('whose process stood still for longer than its lease registers again, with one lease', async () => {
      const watcher = await watch();
      await register(slave('a'));
      await watcher.sees('a');
      const lost = await leaseOf('a');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TTL_MS * 3);
      await eventually('it has another lease', async () => ![undefined, lost].includes(await leaseOf('a')));
      await watcher.sees('a');
      const keyed = (await admin.getAll().prefix(prefix).exec()).kvs.map(({ lease }) => lease);
      const granted = (await leases()).filter((lease) => keyed.includes(lease));
      expect(granted).toHaveLength(1);
    });

    test('registers through whichever of several etcds answers', async () => {
      const dead = `http://127.0.0.1:${await quietPort()}`;
      await register(slave('a'), { hosts: [dead, etcd.url] });
      const watcher = await watch({ hosts: [dead, etcd.url] });
      await watcher.sees('a');
    });
  });

  describe('a watcher', () => {
    test('leaves out what is no member, and says so once', async () => {
      const log: unknown[] = [];
      await admin.put(`${prefix}members/junk`).value('not JSON');
      await admin.put(`${prefix}members/liar`).value(JSON.stringify({ ...slave('other'), instance: '' }));
      const watcher = await watch({ log: (_, details) => log.push(details) });
      await register(slave('a'));
      await watcher.sees('a');
      expect(log).toEqual([{ state: 'members left out', why: 'junk,liar' }]);
    });

    test('finds out what changed and was compacted between its list and its watch', async () => {
      const proxy = await proxyTo(etcd);
      await register(slave('a'));
      await (await watch()).sees('a');
      let listed = false;
      proxy.onChunk = (direction, chunk) => {
        if (direction !== 'down' || !chunk.includes(`${prefix}members/a`)) return;
        proxy.onChunk = () => {};
        listed = true;
        proxy.holdUp();
      };
      const watcher = await watch({ hosts: [`http://127.0.0.1:${proxy.port}`] });
      await eventually('the list is on its way back', () => listed);
      await register(slave('b'));
      await compact();
      proxy.releaseUp();
      await watcher.sees('a', 'b');
      // And it watches again: nothing else would tell it.
      await register(slave('c'));
      await watcher.sees('a', 'b', 'c');
    });

    test('finds out what changed and was compacted while it was away', async () => {
      const proxy = await proxyTo(etcd);
      await register(slave('a'));
      const watcher = await watch({ hosts: [`http://127.0.0.1:${proxy.port}`] });
      await watcher.sees('a');
      await proxy.down();
      await register(slave('b'));
      await compact();
      expect(watcher.ids).toEqual(['a']);
      await proxy.up();
      await watcher.sees('a', 'b');
      await register(slave('c'));
      await watcher.sees('a', 'b', 'c');
    });

    test('in a black hole is silent, and sees everything when it is over', async () => {
      const proxy = await proxyTo(etcd);
      await register(slave('a'));
      const watcher = await watch({ hosts: [`http://127.0.0.1:${proxy.port}`], relistMs: 200 });
      await watcher.sees('a');
      const { accepted } = proxy;
      proxy.stallAll();
      await register(slave('b'));
      await eventually('it dials anew', () => proxy.accepted > accepted + 1);
      expect(watcher.views).toHaveLength(1);
      proxy.heal();
      await watcher.sees('a', 'b');
    });

    test('that is closed says nothing more, and leaves no connection', async () => {
      const proxy = await proxyTo(etcd);
      const views: RegistryView[] = [];
      const watching = await discovery({ hosts: [`http://127.0.0.1:${proxy.port}`] }).watch((view) =>
        views.push(view),
      );
      await eventually('the first view', () => views.length === 1);
      watching.close();
      await eventually('nothing is connected', () => proxy.open === 0);
      await register(slave('a'));
      const other = await watch();
      await other.sees('a');
      expect(views).toHaveLength(1);
    });
  });

  describe('when etcd', () => {
    test('is away for a while, the view stays, and members old and new are seen after it', async () => {
      const own = await ownEtcd();
      await own.start();
      const hosts = [own.url];
      const log: unknown[] = [];
      await register(slave('a'), { hosts, ttlMs: 2_000 });
      const watcher = await watch({ hosts, log: (_, { state }) => log.push(state) });
      await watcher.sees('a');
      await own.kill();
      await eventually('it is noticed', () => log.includes('away'));
      const registering = discovery({ hosts }).register(slave('b'));
      await own.start();
      const registration = await registering;
      cleanups.push(() => registration.leave());
      await watcher.sees('a', 'b');
      expect(watcher.views.map(({ members }) => members.length)).toEqual([1, 2]);
      expect(new Set(watcher.views.map(({ epoch }) => epoch)).size).toBe(1);
      expect(log).toEqual(['away', 'back']);
    });

    test('is away at the start, or hangs, registering and watching wait for it', async () => {
      const own = await ownEtcd();
      const hosts = [own.url];
      const watcher = await watch({ hosts });
      let isRegistered = false;
      const log: string[] = [];
      const registering = discovery({ hosts, log: (_, { why }) => log.push(String(why)) })
        .register(slave('a'))
        .then((registration) => {
          isRegistered = true;
          cleanups.push(() => registration.leave());
        });
      await eventually('it was tried', () => log.length > 0);
      await own.start();
      own.pause();
      const hanging = discovery({ hosts, log: (_, { why }) => log.push(String(why)) });
      const second = hanging.register(slave('b'));
      await eventually('a call ran into its deadline', () => log.some((why) => /deadline/i.test(why)));
      expect([isRegistered, watcher.views.length]).toEqual([false, 0]);
      own.resume();
      await registering;
      const registration = await second;
      cleanups.push(() => registration.leave());
      await watcher.sees('a', 'b');
    });

    test('was wiped, the epoch is another, and everybody registers again', async () => {
      const own = await ownEtcd();
      await own.start();
      const hosts = [own.url];
      const proxy = await proxyTo(own);
      await register(slave('a'), { hosts });
      const watcher = await watch({ hosts: [`http://127.0.0.1:${proxy.port}`] });
      await watcher.sees('a');
      const { epoch } = watcher.last;
      const { cluster_id, revision } = await headerOf(own);
      await proxy.down();
      await own.kill();
      own.wipe();
      await own.start();
      await eventually('its revision is further on again', async () => {
        const header = await headerOf(own);
        return Number(header.revision) > Number(revision);
      });
      // The trap: nothing but the mark tells this etcd from the one before.
      expect((await headerOf(own)).cluster_id).toBe(cluster_id);
      await proxy.up();
      await eventually('another epoch', () => watcher.last.epoch !== epoch);
      await watcher.sees('a');
      await register(slave('b'), { hosts });
      await watcher.sees('a', 'b');
      expect(new Set(watcher.views.map((view) => view.epoch)).size).toBe(2);
    });

    test('was put back from a copy, the epoch is another', async () => {
      const own = await ownEtcd();
      await own.start();
      const hosts = [own.url];
      const watcher = await watch({ hosts });
      await watcher.sees();
      const { epoch } = watcher.last;
      await own.kill();
      own.backUp();
      await own.start();
      await register(slave('a'), { hosts });
      await watcher.sees('a');
      expect(watcher.last.epoch).toBe(epoch);
      // More than the members will write by themselves.
      const writer = new Etcd3({ hosts });
      for (let i = 0; i < 20; i++) await writer.put(`${prefix}elsewhere`).value(i);
      writer.close();
      await (await register(slave('b'), { hosts })).leave();
      await eventually('its revision is known', () => watcher.last.departed.includes('b'));
      await own.kill();
      own.restore();
      await own.start();
      await eventually('another epoch', () => watcher.last.epoch !== epoch);
      await watcher.sees('a');
      await register(slave('c'), { hosts });
      await watcher.sees('a', 'c');
    });
  });

  describe.each(['node', 'deno'])('a process on %s', (runtime) => {
    test('starts before etcd, survives its wiping and a black hole, says good-bye and ends by itself', async () => {
      const own = await ownEtcd();
      const proxy = await proxyTo(own);
      const child = runMember(runtime, {
        etcd: [`http://127.0.0.1:${proxy.port}`],
        etcdPrefix: prefix,
        nodeId: 'child',
        leaseTtlMs: TTL_MS,
      });
      cleanups.push(() => child.kill());
      await eventually('it tries', () => child.states.includes('away'));
      await own.start();
      const hosts = [own.url];
      const watcher = await watch({ hosts });
      await watcher.sees('child');
      await eventually('it sees itself', () => idsOf(child.view) === 'child');

      await own.kill();
      own.wipe();
      await own.start();
      await watcher.sees('child');
      await eventually('it sees another epoch', () => child.epochs.size === 2);
      const registration = await register(slave('other'), { hosts });
      await eventually('it sees others', () => idsOf(child.view) === 'child,other');

      proxy.stallAll();
      await watcher.sees('other');
      await registration.leave();
      proxy.heal();
      await watcher.sees('child');
      await eventually('it sees what happened', () => idsOf(child.view) === 'child');
      expect(child.view?.departed).toEqual(['other']);

      child.end();
      await watcher.sees();
      expect(watcher.last.departed).toContain('child');
      expect(await child.exited).toBe(0);
      expect(child.stderr).toBe('');
    });
  });

  test('options that cannot work are refused', () => {
    expect(() => discovery({ hosts: [] })).toThrow('etcd: expected at least one URL, got none');
    expect(() => discovery({ hosts: ['etcd:2379'] })).toThrow('expected a URL such as');
    expect(() => discovery({ hosts: ['http://me:secret@etcd:2379'] })).toThrow(
      'without user and password, got http://…@etcd:2379',
    );
    expect(() => discovery({ prefix: '/k' })).toThrow('expected a / at its end, got /k');
    expect(() => discovery({ ttlMs: 0 })).toThrow('expected a time over 0 ms, got 0');
    expect(() => discovery({ relistMs: -1 })).toThrow('expected a time over 0 ms, got -1');
  });

  async function compact(): Promise<void> {
    const { header } = await admin.put(`${prefix}elsewhere`).value('');
    await admin.kv.compact({ revision: header.revision, physical: true });
  }

  async function leases(): Promise<string[]> {
    return (await admin.leaseClient.leaseLeases()).leases.map(({ ID }) => ID);
  }

  async function secondsLeft(lease: string): Promise<number> {
    return Number((await admin.leaseClient.leaseTimeToLive({ ID: lease })).TTL);
  }
});

function idsOf(view: RegistryView | undefined): string | undefined {
  return view?.members.map(({ id }) => id).join();
}

function slave(id: string): Member {
  return { id, role: 'slave', address: `${id}.example:8081`, weight: 1, zone: '', version: '1' };
}

/** What etcd says of itself in answer to a write. */
async function headerOf(etcd: TestEtcd): Promise<{ cluster_id: string; revision: string }> {
  const client = new Etcd3({ hosts: etcd.url });
  const { header } = await client.put('elsewhere').value('');
  client.close();
  return header;
}
