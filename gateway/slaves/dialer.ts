/** The dialer port: how a gateway opens a link. Adapters for Deno and Node open TCP and ask for the upgrade. */

import { TOKEN_REFUSED } from '../../shared/http/peers.ts';
import { LINK_PATH, LINK_UPGRADE } from '../../shared/link/messages.ts';

/** An open link: ASCII text from the gateway, frames of text and bytes from the slave. */
export interface Connection {
  /** Sends; resolves when the transport has room for more. Never called again before that. */
  write(text: string): Promise<void>;
  /** Idempotent. `onClose` is called for it too. */
  close(): void;
}

export interface ConnectionEvents {
  /**
   * What comes, cut anywhere; the first of it perhaps before `Dial` resolves. Bytes stand only until the call returns.
   */
  onData(data: string | Uint8Array): void;
  /** Called once, and nothing after it. */
  onClose(reason: string): void;
}

/** Opens a link to `host:port`. Rejects where there is nobody, no upgrade, or the time is over. */
export type Dial = (address: string, events: ConnectionEvents, timeoutMs: number) => Promise<Connection>;

const MAX_HEAD_CHARS = 16_384;

export function splitAddress(address: string): { hostname: string; port: number } {
  const at = address.lastIndexOf(':');
  const port = Number(address.slice(at + 1));
  if (at < 1 || !Number.isInteger(port)) throw new RangeError(`address: expected host:port, got ${address}`);
  return { hostname: address.slice(0, at).replace(/^\[|\]$/g, ''), port };
}

export function upgradeRequest(address: string, token: string | undefined): string {
  const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
  return `GET ${LINK_PATH} HTTP/1.1\r\nHost: ${address}\r\nConnection: Upgrade\r\nUpgrade: ${LINK_UPGRADE}\r\n${authorization}\r\n`;
}

/** Reads the head of the answer to an upgrade. */
export class UpgradeReader {
  private head = '';

  /** What came behind the head, once it is complete; undefined before. Throws where it is no upgrade. */
  push(bytes: Uint8Array): Uint8Array | undefined {
    const before = this.head.length;
    this.head += decoder.decode(bytes);
    const end = this.head.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.head.length > MAX_HEAD_CHARS) throw new RangeError('upgrade: the head does not end');
      return undefined;
    }
    const [status] = this.head.split('\r\n', 1);
    if (/^HTTP\/1\.1 401( |$)/.test(status)) throw new RangeError(`upgrade refused: ${TOKEN_REFUSED}`);
    if (!/^HTTP\/1\.1 101( |$)/.test(status)) throw new RangeError(`upgrade: expected 101, got ${status}`);
    return bytes.subarray(end + 4 - before);
  }
}

/** A character for each byte. */
const decoder = new TextDecoder('windows-1252');
