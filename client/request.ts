/** One request with its deadline: sent again where that is safe and may help, until time is up. */

/** What a gateway answered in place of data, or why none answered. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  /** The HTTP status; 504 where the deadline passed here, 0 where no answer came. */
  readonly status: number;
  /** Names the request in the gateway's log. */
  readonly requestId: string | undefined;

  constructor(status: number, message: string, requestId?: string, cause?: unknown) {
    super(message, { cause });
    this.status = status;
    this.requestId = requestId;
  }
}

export interface Sent {
  url: string;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

export interface Ports {
  fetch: typeof fetch;
  now(): number;
  /** 0 … 1 */
  random(): number;
}

/** A gateway takes no longer deadline. */
const MAX_TIMEOUT_MS = 30_000;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;
/** Busy, nobody there now, and what proxies say in place of a gateway that is gone. */
const WORTH_ANOTHER_TRY = new Set([429, 502, 503]);

/**
 * What `read` makes of the answer; it ends the deadline that it is given. Every request that comes here may be sent more than once: queries
 * change nothing, and writes carry an idempotency key. Throws a RequestError, or the reason of `sent.signal`.
 */
export async function request<T>(
  sent: Sent,
  ports: Ports,
  read: (response: Response, deadline: Deadline) => Promise<T>,
): Promise<T> {
  const end = ports.now() + sent.timeoutMs;
  for (let attempt = 0; ; attempt++) {
    const deadline = createDeadline(end - ports.now(), sent.signal);
    let failure: RequestError;
    let pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * (0.5 + ports.random() / 2);
    try {
      const response = await send(sent, end - ports.now(), ports, deadline.signal);
      if (response.ok) return await read(response, deadline);
      // Its body is read within the same deadline.
      failure = await refusal(response);
      const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
      if (seconds > 0) pauseMs = Math.max(pauseMs, seconds * 1_000 * (1 + ports.random() / 4));
    } catch (error) {
      sent.signal?.throwIfAborted();
      if (error instanceof RequestError) throw error;
      failure = deadline.signal.aborted
        ? late(sent.timeoutMs)
        : new RequestError(0, `${sent.url}: no answer, ${reasonOf(error)}`, undefined, error);
    }
    deadline.end();
    const mayHelp = failure.status === 0 || WORTH_ANOTHER_TRY.has(failure.status);
    if (!mayHelp || ports.now() + pauseMs >= end) throw failure;
    await pause(pauseMs, sent.signal);
  }
}

/** Aborts `signal` when time is up or the caller does not want the answer any more. */
export interface Deadline {
  signal: AbortSignal;
  /** Time is up this long from now. */
  restart(ms: number): void;
  /** Time does not count until it is restarted. */
  pause(): void;
  /** Neither time nor the caller ends the request any more. */
  end(): void;
}

function createDeadline(ms: number, outer: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let timer = setTimeout(abort, ms);
  if (outer?.aborted) abort();
  outer?.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    restart(ms) {
      clearTimeout(timer);
      timer = setTimeout(abort, ms);
    },
    pause: () => clearTimeout(timer),
    end() {
      clearTimeout(timer);
      outer?.removeEventListener('abort', abort);
    },
  };
}

function send(
  { url, method, headers, body }: Sent,
  leftMs: number,
  { fetch }: Ports,
  signal: AbortSignal,
): Promise<Response> {
  const timeoutMs = String(Math.max(1, Math.min(MAX_TIMEOUT_MS, Math.floor(leftMs))));
  return fetch(url, { method, headers: { ...headers, 'x-kamaitachi-timeout-ms': timeoutMs }, body, signal });
}

async function refusal(response: Response): Promise<RequestError> {
  const text = await response.text();
  const requestId = response.headers.get('x-request-id') ?? undefined;
  return new RequestError(response.status, messageIn(text) ?? `status ${response.status}`, requestId);
}

/** A proxy in front may answer anything. */
function messageIn(text: string): string | undefined {
  try {
    const { status_msg: message } = JSON.parse(text) as { status_msg?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

export function late(timeoutMs: number): RequestError {
  return new RequestError(504, `no answer within ${timeoutMs} ms`);
}

/** What went wrong below fetch says more than fetch does. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message?: string };
  return cause?.code ?? cause?.message ?? message ?? String(error);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
