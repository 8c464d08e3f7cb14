/** The one list of errors: a code for the program, an HTTP status for the client, a message for the person. */

export const STATUS_OF = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  body_timeout: 408,
  too_large: 413,
  uri_too_long: 414,
  unsupported_media_type: 415,
  idempotency_conflict: 422,
  rate_limited: 429,
  headers_too_large: 431,
  internal: 500,
  unavailable: 503,
  deadline: 504,
} as const;

export type ErrorCode = keyof typeof STATUS_OF;

/** An error that a client may see. Anything else that is thrown is a bug and becomes a bare 500. */
export class KamaitachiError extends Error {
  override readonly name = 'KamaitachiError';
  readonly code: ErrorCode;
  /** Seconds that a client should wait before it tries again, where that makes sense. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, retryAfterSeconds?: number) {
    super(message);
    this.code = code;
    this.retryAfterSeconds =
      retryAfterSeconds ?? (code === 'unavailable' || code === 'rate_limited' ? 1 : undefined);
  }

  get status(): number {
    return STATUS_OF[this.code];
  }
}

/** `limit: expected a whole number from 0 to 10000, got -1` as a 400. `got` is shown as JSON, cut to a readable length. */
export function badRequest(field: string, expected: string, got: unknown): KamaitachiError {
  return new KamaitachiError('bad_request', `${field}: expected ${expected}, got ${show(got)}`);
}

/** A value as a person would read it in a message: short, printable, never a wall of text. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}
