import { expect, test, vi } from 'vitest';
import { createPeerFetch, isOpenPath, OPEN_ACCESS, TOKEN_REFUSED } from './peers.ts';

function sender(status: () => number) {
  const sent: { url: string; headers: Headers }[] = [];
  const send: typeof fetch = async (input, init) => {
    sent.push({ url: String(input), headers: new Headers(init?.headers) });
    return new Response('', { status: status() });
  };
  return { sent, send };
}

test('a request carries the token beside its own headers, and goes over TLS where certificates are trusted', async () => {
  const { sent, send } = sender(() => 200);
  await createPeerFetch({ token: 't', ca: 'pem' }, send)('http://a:1/x?y=1', { headers: { 'x-one': '1' } });
  await createPeerFetch({ token: 't', ca: undefined }, send)(new URL('http://a:1/'));
  expect(sent.map(({ url }) => url)).toEqual(['https://a:1/x?y=1', 'http://a:1/']);
  expect(Object.fromEntries(sent[0].headers)).toEqual({ 'x-one': '1', authorization: 'Bearer t' });
});

test('without token and certificates a request goes out as it is', () => {
  const { send } = sender(() => 200);
  expect(createPeerFetch(OPEN_ACCESS, send)).toBe(send);
});

test('whoever refuses the token is named once, and again after it has taken it', async () => {
  let status = 401;
  const { send } = sender(() => status);
  const log = vi.fn();
  const ask = createPeerFetch({ token: 'secret', ca: undefined }, send, log);
  for (let i = 0; i < 3; i++) await ask('http://a:1/');
  expect(log.mock.calls).toEqual([['cluster token refused', { by: 'a:1', message: TOKEN_REFUSED }]]);
  status = 200;
  await ask('http://a:1/');
  status = 401;
  await ask('http://a:1/');
  expect(log).toHaveBeenCalledTimes(2);
});

test('only these paths are open', () => {
  expect(['/health', '/ready/', '/metrics'].every((path) => isOpenPath(path))).toBe(true);
  expect(
    ['/', '/health/x', '/internal/slots', '/monitor/status', '/healthy', '//health'].some((path) =>
      isOpenPath(path),
    ),
  ).toBe(false);
});
