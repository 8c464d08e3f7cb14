/** Who shows one of the cluster's tokens. */
import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Says whether an `authorization` header carries one of the tokens. Digests are compared, every one of them to its end, so that
 * the time taken tells nothing about how much of a token was right. Without tokens everybody is let in.
 */
export function createTokenCheck(tokens: readonly string[]): (authorization: string | undefined) => boolean {
  if (tokens.length === 0) return () => true;
  const digests = tokens.map(sha256);
  return (authorization) => {
    const [, given] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? [];
    if (given === undefined) return false;
    const digest = sha256(given);
    let isKnown = false;
    for (const known of digests) if (timingSafeEqual(known, digest)) isKnown = true;
    return isKnown;
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
