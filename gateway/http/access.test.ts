import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { ApiKey, Scope } from '../../shared/http/keys.ts';
import { startTestGateway, type TestGateway, type TestOptions } from '../testing/fake-gateway.ts';
import { Keys } from './keys.ts';
import { ROUTES } from './routes.ts';

const DATA = '/kamaitachi/api/data/v1';
const sha256 = (text: string) => createHash('sha256').update(text).digest();
const key = (id: string, ...scopes: Scope[]): ApiKey => ({
  id,
  name: id,
  scopes,
  sha256: sha256(`secret of ${id}`.replaceAll(' ', '-')).toString('hex'),
});
const secretOf = (id: string) => `secret-of-${id}`;
const bearer = (id: string) => ({ authorization: `Bearer ${secretOf(id)}` });

const open: TestGateway[] = [];
afterEach(async () => {
  for (const test of open.splice(0)) await test.close();
});
async function start(options: TestOptions = {}) {
  const test = await startTestGateway(options);
  open.push(test);
  return test;
}
const withKeys = (...keys: ApiKey[]) =>
  start({ keys: new Keys(keys, sha256), fetch: async () => Response.json({ data: { cache: {} } }) });

/** A request of a route with nothing right in it but its path. */
const plain = ({ methods, path }: (typeof ROUTES)[number]) => ({
  path: path.replace('{id}', 'x').replace('{file}', 'index.html'),
  init: { method: methods[0] },
});

describe('a gateway with keys', () => {
  it('asks for one on every path that is not open, with /data in front and with a slash behind, before it reads anything', async () => {
    const { gateway } = await withKeys(key('reader', 'read'));
    for (const route of ROUTES) {
      const { path, init } = plain(route);
      for (const spelling of [path, `${path}/`, `/data${path}`]) {
        const answer = await gateway.app.request(spelling, init);
        if (route.scope === 'open') expect([200, 503], spelling).toContain(answer.status);
        else {
          expect(answer.status, spelling).toBe(401);
          expect(answer.headers.get('www-authenticate')).toBe('Bearer');
          expect(await answer.json()).toMatchObject({ status_code: 401, data: null });
        }
      }
    }
  });

  it('lets a key do what its scopes say, on every path, and nothing else', async () => {
    const scopes: Scope[] = ['read', 'write', 'admin'];
    const { gateway } = await withKeys(...scopes.map((scope) => key(scope, scope)));
    for (const route of ROUTES) {
      const { path, init } = plain(route);
      for (const scope of scopes) {
        const { status } = await gateway.app.request(path, { ...init, headers: bearer(scope) });
        if (route.scope === scope || route.scope === 'open') expect([401, 403]).not.toContain(status);
        else expect(status, `${scope} ${path}`).toBe(403);
      }
    }
  });

  it('asks for the scope that fits what a path does', () => {
    const expected = { queries: 'read', catalogue: 'read', writes: 'write', operating: 'admin' } as const;
    for (const { name, tag, scope } of ROUTES) {
      if (scope === 'open') expect(tag).toBe('operating');
      else if (tag !== 'tables') expect(scope, name).toBe(expected[tag]);
    }
    const tables = ROUTES.filter(({ tag }) => tag === 'tables').map(({ name, scope }) => [name, scope]);
    expect(Object.fromEntries(tables)).toEqual({
      save: 'write',
      deleteRow: 'write',
      search: 'read',
      getRow: 'read',
    });
  });

  it('takes a key in either header; one that is no key is unknown, and its text is told to nobody', async () => {
    const { gateway, logs } = await withKeys(key('reader', 'read'));
    // Whoever is let in is told that this is no query.
    const ask = (headers: Record<string, string>) =>
      gateway.app.request(`${DATA}/snapshot`, { method: 'POST', body: '{', headers });
    const right: Record<string, string>[] = [
      bearer('reader'),
      { authorization: `bearer   ${secretOf('reader')}` },
      { 'x-api-key': secretOf('reader') },
      { authorization: 'Basic eDp5', 'x-api-key': secretOf('reader') },
    ];
    for (const headers of right) expect((await ask(headers)).status, JSON.stringify(headers)).toBe(400);
    const wrong: Record<string, string>[] = [
      { authorization: secretOf('reader') },
      { authorization: 'Bearer nobody-knows-it' },
      { authorization: 'Bearer nobody-knows-it', 'x-api-key': secretOf('reader') },
      { 'x-api-key': `${secretOf('reader')}x` },
      { 'x-api-key': 'x'.repeat(5_000) },
      { 'x-api-key': '' },
    ];
    for (const headers of wrong) {
      const answer = await ask(headers);
      expect(answer.status, JSON.stringify(headers)).toBe(401);
      expect(await answer.text()).not.toContain('nobody-knows-it');
    }
    expect(logs.join()).not.toMatch(/nobody-knows-it|secret-of/);
  });

  it('answers 404 and 405 before 401, and 401 before anything that is wrong with the request', async () => {
    const { gateway } = await withKeys(key('reader', 'read'));
    expect((await gateway.app.request('/nowhere')).status).toBe(404);
    expect((await gateway.app.request(`${DATA}/ingest`)).status).toBe(405);
    const long = `${DATA}/topics?${'x'.repeat(20_000)}`;
    expect((await gateway.app.request(long)).status).toBe(401);
    expect((await gateway.app.request(long, { headers: bearer('reader') })).status).toBe(414);
    const broken = { method: 'POST', body: '{', headers: { 'content-type': 'text/plain' } };
    expect((await gateway.app.request(`${DATA}/ingest`, broken)).status).toBe(401);
  });

  it('lets browsers ask first without one, and read what it refuses them for', async () => {
    const origin = 'https://app.example.org';
    const { gateway } = await start({
      keys: new Keys([key('reader', 'read')], sha256),
      corsOrigins: [origin],
    });
    const preflight = await gateway.app.request(`${DATA}/snapshot`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'authorization',
    ]);
    const refused = await gateway.app.request(`${DATA}/topics`, { headers: { origin } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
  });

  it('counts who was refused', async () => {
    const { gateway } = await withKeys(key('reader', 'read'), key('operator', 'admin'));
    await gateway.app.request(`${DATA}/topics`);
    await gateway.app.request(`${DATA}/topics`, { headers: bearer('x') });
    await gateway.app.request(`${DATA}/topics`, { headers: bearer('operator') });
    const text = await (await gateway.app.request('/metrics', { headers: bearer('operator') })).text();
    for (const reason of ['absent', 'unknown', 'forbidden'])
      expect(text).toContain(`kamaitachi_gateway_refused_total{reason="${reason}"} 1`);
  });

  it('tells the master the id of the key and not the key, and lets nobody say it himself', async () => {
    const seen: Headers[] = [];
    const master: typeof fetch = async (_, init) => {
      seen.push(new Headers(init?.headers));
      return Response.json({ status_code: 0, status_msg: 'success', data: { accepted: 1, seq: 1 } });
    };
    const write = { method: 'POST', body: '{"type":"delete","subject":"a"}' };
    const headers = {
      'content-type': 'application/x-ndjson',
      'x-kamaitachi-client': 'admin',
      'idempotency-key': 'k',
    };
    const closed = await start({ keys: new Keys([key('writer', 'write')], sha256), fetch: master });
    await closed.gateway.app.request(`${DATA}/ingest`, {
      ...write,
      headers: { ...headers, ...bearer('writer') },
    });
    const free = await start({ fetch: master });
    await free.gateway.app.request(`${DATA}/ingest`, { ...write, headers: { ...headers, 'x-api-key': 'x' } });
    expect(seen.map((sent) => sent.get('x-kamaitachi-client'))).toEqual(['writer', null]);
    for (const sent of seen) expect([sent.get('authorization'), sent.get('x-api-key')]).toEqual([null, null]);
  });

  it('is not to blame where the master refuses the gateway itself', async () => {
    const { gateway } = await start({ fetch: async () => new Response('', { status: 401 }) });
    const answer = await gateway.app.request(`${DATA}/ingest`, {
      method: 'POST',
      body: '{"type":"delete","subject":"a"}',
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(answer.status).toBe(503);
  });

  it('describes its keys', async () => {
    const { gateway } = await start();
    const api = await (await gateway.app.request('/openapi.json')).json();
    expect(Object.keys(api.components.securitySchemes)).toEqual(['bearer', 'apiKey']);
    const { security, responses } = api.paths[`${DATA}/ingest`].post;
    expect(security).toEqual([{}, { bearer: ['write'] }, { apiKey: ['write'] }]);
    for (const status of [401, 403, 429]) expect(responses[status]).toBeDefined();
    expect(api.paths['/health'].get.security).toBeUndefined();
  });
});

describe('keys', () => {
  it('that were verified are not hashed again, until the keys are replaced; wrong ones are never remembered', () => {
    let hashed = 0;
    const keys = new Keys([key('a', 'read')], (text) => {
      hashed++;
      return sha256(text);
    });
    for (let i = 0; i < 3; i++) expect(keys.find(secretOf('a'))?.id).toBe('a');
    expect(hashed).toBe(1);
    for (let i = 0; i < 3; i++) expect(keys.find('wrong')).toBeUndefined();
    expect(hashed).toBe(4);
    keys.replace([key('b', 'read')]);
    expect(keys.find(secretOf('a'))).toBeUndefined();
    expect(keys.find(secretOf('b'))?.id).toBe('b');
    expect(keys.size).toBe(1);
  });
});
