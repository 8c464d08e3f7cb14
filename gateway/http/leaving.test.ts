import { afterEach, describe, expect, it } from 'vitest';
import { LEAVING_MS, LEFT_ALONE_MS } from '../../shared/base/limits.ts';
import { startTestGateway, type TestGateway } from '../testing/fake-gateway.ts';

const PATH = '/kamaitachi/api/data/v1/snapshot';
let test: TestGateway;

afterEach(() => test.close());

/** Whether the gateway has been left by now. */
function leave(): () => boolean {
  let hasLeft = false;
  void test.gateway.leave().then(() => {
    hasLeft = true;
  });
  return () => hasLeft;
}

describe('a gateway that is told to end', () => {
  it('answers on, asks for the connection to be closed, and is not ready any more', async () => {
    test = await startTestGateway();
    expect((await test.gateway.app.request('/ready')).status).toBe(200);
    leave();
    const answer = await test.post(PATH, { ids: 'eps', subjects: 's' });
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
    expect((await test.gateway.app.request('/ready')).status).toBe(503);
  });

  it('has been left when nobody but a health check asks any more', async () => {
    test = await startTestGateway();
    const hasLeft = leave();
    await test.advance(LEFT_ALONE_MS - 50);
    await test.post(PATH, { ids: 'eps', subjects: 's' });
    await test.advance(LEFT_ALONE_MS - 50);
    expect(hasLeft()).toBe(false);
    await test.gateway.app.request('/ready');
    await test.advance(50);
    expect(hasLeft()).toBe(true);
  });

  it('does not wait for ever for those who stay', async () => {
    test = await startTestGateway();
    const hasLeft = leave();
    for (let waited = 0; waited < LEAVING_MS; waited += 100) {
      expect(hasLeft()).toBe(false);
      await test.post(PATH, { ids: 'eps', subjects: 's' });
      await test.advance(100);
    }
    expect(hasLeft()).toBe(true);
  });
});
