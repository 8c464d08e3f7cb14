/**
 * The file of API keys: one JSON object a line, with the SHA-256 of the key and never the key. A key is 256 random bits, which
 * nobody can try out, so a plain hash hides it as well as a slow one would, and a thousand times cheaper.
 */
import { z } from 'zod';
import { MAX_API_KEYS } from '../base/limits.ts';

/** `read`: queries, catalogue, reading tables. `write`: ingest, saving, deleting. `admin`: what operators see and do. */
export const SCOPES = ['read', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  /** Names the key where it must not be named itself; stays when the name changes. */
  id: string;
  /** For people: whose it is. */
  name: string;
  scopes: Scope[];
  /** Of the key, in hexadecimal. */
  sha256: string;
}

const line = z.object({
  id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, _ or -'),
  name: z.string().min(1).max(128),
  scopes: z.array(z.enum(SCOPES, `expected a list of ${SCOPES.join(', ')}`)).min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 digits from 0 to f'),
});

/** Throws a RangeError that names the line (from 1, blank ones too). */
export function parseKeys(text: string): ApiKey[] {
  const keys: ApiKey[] = [];
  const seen = new Set<string>();
  text.split('\n').forEach((raw, i) => {
    if (raw.trim() === '') return;
    const key = parseLine(raw, `line ${i + 1}`);
    for (const part of [key.id, key.sha256]) {
      if (seen.has(part))
        throw new RangeError(`line ${i + 1}: expected another id and sha256 than ${key.id}'s`);
      seen.add(part);
    }
    keys.push(key);
  });
  if (keys.length > MAX_API_KEYS)
    throw new RangeError(`expected at most ${MAX_API_KEYS} keys, got ${keys.length}`);
  return keys;
}

/** A key as it stands in the file. */
export function keyLine({ id, name, scopes, sha256 }: ApiKey): string {
  return JSON.stringify({ id, name, scopes, sha256 });
}

function parseLine(raw: string, where: string): ApiKey {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    throw new RangeError(
      `${where}: expected JSON such as {"id":"…","name":"…","scopes":["read"],"sha256":"…"}`,
    );
  }
  const result = line.safeParse(value);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  throw new RangeError(`${where}: ${path.join('.') || 'line'}: ${message}`);
}
