import { afterEach, describe, expect, it, vi } from 'vitest';
import { REQUEST_ID } from '../../shared/http/envelope.ts';
import { createAskMaster } from './ask-master.ts';

/** A master that answers as it is told, and the asking of it; ids are `1`, `2`, … */
function start(answer: (request: Request) => Response | Promise<Response>) {
  let ids = 0;
  const asked: Request[] = [];
  const master = createAskMaster({
    fetch: async (input, init) => {
      const request = new Request(input, init);
      asked.push(request);
      return answer(request);
    },
    master: () => 'http://master.test:1',
    newId: () => String(++ids),
  });
  return { master, asked };
}

const page = (id: string | null) =>
  new Response(new Uint8Array([1, 2, 3]), { headers: id === null ? {} : { [REQUEST_ID]: id } });

afterEach(() => {
  vi.useRealTimers();
});

describe('what the master is asked', () => {
  it('is answered with the bytes that came', async () => {
    const { master, asked } = start(({ headers }) => page(headers.get(REQUEST_ID)));
    expect(await master.ask('/feed', { after: 5 })).toEqual(new Uint8Array([1, 2, 3]));
    const [request] = asked;
    expect([request.url, request.method, await request.json()]).toEqual([
      'http://master.test:1/feed',
      'POST',
      { after: 5 },
    ]);
  });

  it('is not answered with what was the answer to another request, or to none', async () => {
    const answers = ['1', '1', null];
    const { master } = start(() => page(answers.shift()!));
    await master.ask('/feed', {});
    await expect(master.ask('/feed', {})).rejects.toThrow('expected the answer to 2, got one to 1');
    await expect(master.ask('/feed', {})).rejects.toThrow('expected the answer to 3, got one to null');
  });

  it('is refused with what the master says', async () => {
    const { master } = start(() => new Response('not now', { status: 503 }));
    await expect(master.ask('/feed', {})).rejects.toThrow('master answered 503: not now');
  });

  it('is given up when it takes too long, or when somebody says so', async () => {
    vi.useFakeTimers();
    const { master } = start(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    const late = expect(master.ask('/feed', {})).rejects.toThrow('the master took too long');
    await vi.advanceTimersByTimeAsync(30_000);
    await late;
    const givenUp = expect(master.ask('/feed', {})).rejects.toThrow('another one is asked');
    master.giveUp(new Error('another one is asked'));
    await givenUp;
    expect(vi.getTimerCount()).toBe(0);
  });
});
