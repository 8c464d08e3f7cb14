/** Who a client without a key is: the address that it comes from, or that a proxy we trust says it comes from. */

/** `addressOf`: the other end of the connection; `''` where that is not known. */
export function createClientAddress(
  addressOf: (request: Request) => string,
  trustedProxies: readonly string[],
): (request: Request) => string {
  const trusted = new Set(trustedProxies.map(plain));
  return (request) => {
    const peer = plain(addressOf(request));
    const forwarded = trusted.has(peer) ? request.headers.get('x-forwarded-for') : null;
    return networkOf(forwarded === null ? peer : clientIn(forwarded, trusted, peer));
  };
}

/** Each proxy adds at the end whom it was asked by: the last one that is no proxy of ours is the client. What stands before is anybody's word. */
function clientIn(forwarded: string, trusted: ReadonlySet<string>, peer: string): string {
  const hops = forwarded
    .split(',')
    .map(plain)
    .filter((hop) => hop !== '');
  return hops.findLast((hop) => !trusted.has(hop)) ?? hops[0] ?? peer;
}

const MAX_ADDRESS_CHARS = 64;

/** Without blanks, brackets, port, and without the prefix that makes an IPv4 address look like an IPv6 one. */
function plain(text: string): string {
  const bare = text.trim().slice(0, MAX_ADDRESS_CHARS).toLowerCase();
  const [, inBrackets, v4] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(bare) ?? [];
  return (inBrackets ?? v4 ?? bare).replace(/^::ffff:(?=\d+\.)/, '');
}

/** One who has an IPv6 address has 2⁶⁴ of them: they count as one. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [left, right] = address.split('::', 2);
  const before = left === '' ? [] : left.split(':');
  const after = right === undefined || right === '' ? [] : right.split(':');
  const zeros = right === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':');
}
