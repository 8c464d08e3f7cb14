/** Asks the master, one thing at a time. What it gives counts only as the answer to the request that asked for it. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { REQUEST_ID } from '../../shared/http/envelope.ts';

export interface AskMaster {
  /**
   * Posts `body` as JSON and gives the bytes of the answer; rejects when there is none, or one to something else, with
   * `unavailable` where the master does not serve now.
   */
  ask(path: string, body: unknown): Promise<Uint8Array>;
  /** Gives up what is under way. */
  giveUp(reason?: Error): void;
}

export interface AskOptions {
  fetch: typeof fetch;
  /** `http://host:port` of the master now. */
  master: () => string;
  /** Another one for each request. */
  newId: () => string;
}

/** A fill may wait for the master to fold first. */
const REQUEST_TIMEOUT_MS = 30_000;

export function createAskMaster({ fetch: fetchFrom, master, newId }: AskOptions): AskMaster {
  let request = new AbortController();
  return {
    async ask(path, body) {
      request = new AbortController();
      const { signal } = request;
      const id = newId();
      const late = setTimeout(() => request.abort(new Error('the master took too long')), REQUEST_TIMEOUT_MS);
      try {
        const response = await fetchFrom(new URL(path, master()), {
          method: 'POST',
          headers: { 'content-type': 'application/json', [REQUEST_ID]: id },
          body: JSON.stringify(body),
          signal,
        });
        if (!response.ok) {
          const why = `master answered ${response.status}: ${(await response.text()).slice(0, 200)}`;
          throw response.status === 503 ? new KamaitachiError('unavailable', why) : new Error(why);
        }
        // A page that comes again, or in place of another, looks right by itself, and what it leaves out would be lost.
        const answered = response.headers.get(REQUEST_ID);
        if (answered !== id) throw new Error(`feed: expected the answer to ${id}, got one to ${answered}`);
        return new Uint8Array(await response.arrayBuffer());
      } finally {
        clearTimeout(late);
      }
    },
    giveUp: (reason) => request.abort(reason),
  };
}
