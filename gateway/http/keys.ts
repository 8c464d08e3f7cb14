/** The API keys that a gateway knows. What has been verified is remembered, so that a request costs a look-up and no hash. */
import type { ApiKey } from '../../shared/http/keys.ts';

/** Longer texts are no keys and not worth hashing. */
const MAX_KEY_CHARS = 512;

export class Keys {
  private readonly sha256: (text: string) => Uint8Array;
  private known: { digest: Uint8Array; key: ApiKey }[] = [];
  /** By the text that clients send: only right ones come here, so there are never more than keys. */
  private readonly verified = new Map<string, ApiKey>();

  constructor(keys: readonly ApiKey[], sha256: (text: string) => Uint8Array) {
    this.sha256 = sha256;
    this.replace(keys);
  }

  get size(): number {
    return this.known.length;
  }

  /** From now on these and no others. */
  replace(keys: readonly ApiKey[]): void {
    this.known = keys.map((key) => ({ digest: bytesOf(key.sha256), key }));
    this.verified.clear();
  }

  /** The key that `text` is; undefined where it is none. */
  find(text: string): ApiKey | undefined {
    const remembered = this.verified.get(text);
    if (remembered !== undefined) return remembered;
    if (text.length > MAX_KEY_CHARS) return undefined;
    const digest = this.sha256(text);
    let found: ApiKey | undefined;
    // All of them, each to its end: the time taken tells nothing about how near a guess was.
    for (const { digest: known, key } of this.known) if (isSame(known, digest)) found = key;
    if (found !== undefined) this.verified.set(text, found);
    return found;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}
