/** The `Idempotency-Key` of a write, one per API key, and what its body must be to count as the same write. */
import { createHash } from 'node:crypto';
import { badRequest } from '../../shared/base/errors.ts';
import { MAX_IDEMPOTENCY_KEY_BYTES } from '../../shared/base/limits.ts';
import { CLIENT } from '../../shared/http/envelope.ts';

/** undefined where the request brings none. `header`: a header's value by its name, a character a byte. */
export function idempotencyKey(
  header: (name: string) => string | undefined,
  body: Uint8Array,
): { name: string; hash: string } | undefined {
  const key = header('idempotency-key');
  if (key === undefined || key === '') return undefined;
  if (key.length > MAX_IDEMPOTENCY_KEY_BYTES)
    throw badRequest('Idempotency-Key', `at most ${MAX_IDEMPOTENCY_KEY_BYTES} bytes`, key);
  return { name: sha256(JSON.stringify([header(CLIENT) ?? '', key])), hash: sha256(body) };
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64url');
}
