/** The API key, and requests that carry it. It lives as long as this tab and goes to this gateway only. */
const KEY = 'kamaitachi-key';

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

export function useKey(key) {
  sessionStorage.setItem(KEY, key);
}

export function forgetKey() {
  sessionStorage.removeItem(KEY);
}

export function send(path, init = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = key === null ? init.headers : { ...init.headers, authorization: `Bearer ${key}` };
  return fetch(path, { ...init, headers });
}

/** What the gateway said in place of an answer. `status` 0: it said nothing. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  get asksForKey() {
    return this.status === 401 || this.status === 403;
  }
}

/** `data` of a JSON answer. Throws a Refusal. */
export async function ask(path, signal) {
  const answer = await sent(path, signal);
  return (await answer.json()).data;
}

/** An answer that is right. Throws a Refusal, or what an aborted request throws. */
export async function sent(path, signal) {
  let answer;
  try {
    answer = await send(path, { signal });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refusal(0, error.message);
  }
  if (answer.ok) return answer;
  throw new Refusal(answer.status, await messageOf(answer));
}

async function messageOf(answer) {
  try {
    return (await answer.json()).status_msg;
  } catch {
    // A proxy's page, for example.
    return `HTTP ${answer.status}`;
  }
}
