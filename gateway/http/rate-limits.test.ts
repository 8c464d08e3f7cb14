import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_LIMITED_CLIENTS } from '../../shared/base/limits.ts';
import { startTestGateway, type TestGateway, type TestOptions } from '../testing/fake-gateway.ts';
import { RateLimits } from './rate-limits.ts';
import type { RateClass } from './routes.ts';

const open: TestGateway[] = [];
afterEach(async () => {
  for (const test of open.splice(0)) await test.close();
});
async function start(options: TestOptions) {
  const test = await startTestGateway(options);
  open.push(test);
  return test;
}

/** Whether one more request is let in, or the seconds to wait. */
function asker(rates: string[]) {
  const clock = { ms: 0 };
  const limits = new RateLimits(rates, () => clock.ms);
  const ask = (client = 'a', rateClass: RateClass = 'snapshot') => {
    try {
      limits.of(rateClass)?.(client);
      return 'in';
    } catch (error) {
      return (error as KamaitachiError).retryAfterSeconds;
    }
  };
  return { clock, limits, ask };
}

describe('a rate', () => {
  it('lets in a burst at once, then one each time that the rate says, and says how long to wait', () => {
    const { clock, ask } = asker(['snapshot=0.5:3']);
    expect([ask(), ask(), ask(), ask()]).toEqual(['in', 'in', 'in', 2]);
    clock.ms = 1_500;
    expect(ask()).toBe(1);
    clock.ms = 2_000;
    expect([ask(), ask()]).toEqual(['in', 2]);
    clock.ms = 1_000_000;
    expect([ask(), ask(), ask(), ask()]).toEqual(['in', 'in', 'in', 2]);
  });

  it('never lets in more than burst + rate × time, nor less than a client that keeps to it asks for', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        steps,
        (rate, burst, waits) => {
          const { clock, ask } = asker([`snapshot=${rate}:${burst}`]);
          let [taken, tokens, last] = [0, burst, 0];
          for (const wait of waits) {
            clock.ms += wait;
            tokens = Math.min(burst, tokens + ((clock.ms - last) / 1000) * rate);
            last = clock.ms;
            const isIn = ask() === 'in';
            // What floating point leaves undecided may go either way.
            if (Math.abs(tokens - 1) > 1e-6) expect(isIn).toBe(tokens >= 1);
            if (isIn) {
              tokens -= 1;
              taken++;
            }
          }
          expect(taken).toBeLessThanOrEqual(burst + (clock.ms / 1000) * rate + 1e-6);
        },
      ),
    );
  });

  it('is each client’s and each class’s own; a class without one has the default, health has none', () => {
    const { ask } = asker(['snapshot=1', 'default=2']);
    expect([ask('a'), ask('a'), ask('b')]).toEqual(['in', 1, 'in']);
    expect([ask('a', 'period'), ask('a', 'default'), ask('a', 'default')]).toEqual(['in', 'in', 1]);
    for (let i = 0; i < 10; i++) expect(ask('a', 'none')).toBe('in');
    const { ask: free } = asker(['period=1']);
    for (let i = 0; i < 10; i++) expect(free()).toBe('in');
  });

  it('remembers no more clients than it may', () => {
    const { ask, limits } = asker(['snapshot=1']);
    for (let i = 0; i < MAX_LIMITED_CLIENTS + 10; i++) ask(`client ${i}`);
    expect(limits.counts()[0].clients()).toBe(MAX_LIMITED_CLIENTS);
  });
});

describe('a gateway with rate limits', () => {
  it('answers 429 with Retry-After, counts it, and goes on when the time has come', async () => {
    const test = await start({ rateLimit: ['snapshot=0.25'], addressOf: () => '1.2.3.4' });
    const ask = () => test.post('/kamaitachi/api/data/v1/snapshot', '{');
    expect((await ask()).status).toBe(400);
    const refused = await ask();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '4']);
    expect(await refused.json()).toMatchObject({
      status_code: 429,
      status_msg: expect.stringContaining('try again in 4 s'),
    });
    const metrics = await (await test.gateway.app.request('/metrics')).text();
    expect(metrics).toContain('kamaitachi_gateway_limited_total{class="snapshot"} 1');
    expect(metrics).toContain('kamaitachi_gateway_limited_clients{class="snapshot"} 1');
    await test.advance(4_000);
    expect((await ask()).status).toBe(400);
  });
});
