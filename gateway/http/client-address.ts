/** Who a client without a key is: the address that it comes from, or that a proxy we trust says it comes from. */
import { type Address, isIn, type Network, parseAddress, parseNetwork } from '../../shared/base/address.ts';

/** What is no address, such as `unknown`, stays the text that it is. */
type Hop = Address | string;

/**
 * `addressOf`: the other end of the connection; `''` where that is not known. `trustedProxies`: addresses and networks.
 * Throws a RangeError for what is neither.
 */
export function createClientAddress(
  addressOf: (request: Request) => string,
  trustedProxies: readonly string[],
): (request: Request) => string {
  const trusted = trustedProxies.map(networkOf);
  const isTrusted = (hop: Hop) => typeof hop !== 'string' && trusted.some((network) => isIn(network, hop));
  return (request) => {
    const peer = hopOf(addressOf(request));
    const forwarded = isTrusted(peer) ? request.headers.get('x-forwarded-for') : null;
    return nameOf(forwarded === null ? peer : clientIn(forwarded, isTrusted, peer));
  };
}

function networkOf(item: string): Network {
  const network = parseNetwork(item);
  if (network === undefined)
    throw new RangeError(`trusted proxy: expected an address or a network, got ${item}`);
  return network;
}

/** Each proxy adds at the end whom it was asked by: the last one that is no proxy of ours is the client. What stands before is anybody's word. */
function clientIn(forwarded: string, isTrusted: (hop: Hop) => boolean, peer: Hop): Hop {
  let client = peer;
  for (const text of forwarded.split(',').reverse()) {
    const hop = hopOf(text);
    if (hop === '') continue;
    client = hop;
    if (!isTrusted(hop)) break;
  }
  return client;
}

const MAX_ADDRESS_CHARS = 64;

/** Without blanks, brackets, port and the zone of a link-local address. */
function hopOf(text: string): Hop {
  const bare = text.trim();
  // Most are an address as they stand.
  return parseAddress(bare) ?? hopIn(bare.slice(0, MAX_ADDRESS_CHARS).toLowerCase());
}

function hopIn(bare: string): Hop {
  const [, inBrackets, v4] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(bare) ?? [];
  const address = (inBrackets ?? v4 ?? bare).replace(/%.*$/, '');
  return parseAddress(address) ?? address;
}

/** One who has an IPv6 address has 2⁶⁴ of them: they count as one. */
function nameOf(hop: Hop): string {
  if (typeof hop === 'string') return hop;
  const [first, second] = hop;
  return hop.length === 1
    ? `${first >>> 24}.${(first >>> 16) & 255}.${(first >>> 8) & 255}.${first & 255}`
    : `${hex(first >>> 16)}:${hex(first & 0xffff)}:${hex(second >>> 16)}:${hex(second & 0xffff)}`;
}

function hex(group: number): string {
  return group.toString(16);
}
