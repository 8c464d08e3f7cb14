/** Links on Deno: `Deno.connect` without delay, where certificates are trusted with TLS on it; its WebSocket client stalls on larger messages. */
import type { PeerAccess } from '../../shared/http/peers.ts';
import {
  type Connection,
  type ConnectionEvents,
  type Dial,
  splitAddress,
  UpgradeReader,
  upgradeRequest,
} from '../slaves/dialer.ts';
import { type DenoConn, deno } from './deno-api.ts';

const READ_BYTES = 256 * 1024;
const WRITE_BYTES = 64 * 1024;

export function createDenoDial(access: PeerAccess): Dial {
  return (address, events, timeoutMs) => dial(address, events, timeoutMs, access);
}

async function dial(
  address: string,
  events: ConnectionEvents,
  timeoutMs: number,
  { token, ca }: PeerAccess,
): Promise<Connection> {
  const { hostname, port } = splitAddress(address);
  const abort = AbortSignal.timeout(timeoutMs);
  const tcp = await deno.connect({ hostname, port, signal: abort });
  tcp.setNoDelay(true);
  // The handshake comes with the first write: nothing is waited for here.
  const conn: DenoConn = ca === undefined ? tcp : await deno.startTls(tcp, { hostname, caCerts: [ca] });
  let isClosed = false;
  const close = () => {
    if (isClosed) return;
    isClosed = true;
    conn.close();
  };
  abort.addEventListener('abort', close);
  try {
    abort.throwIfAborted();
    const encoder = new TextEncoder();
    await writeAll(conn, encoder.encode(upgradeRequest(address, token)), close);
    const buffer = new Uint8Array(READ_BYTES);
    const upgrade = new UpgradeReader();
    let rest: Uint8Array | undefined;
    while (rest === undefined) {
      const count = await conn.read(buffer);
      if (count === null) throw new Error('closed by the slave before the upgrade');
      rest = upgrade.push(buffer.subarray(0, count));
    }
    // One buffer for all usual writes, since none begins before the last has ended.
    const usual = new Uint8Array(WRITE_BYTES);
    const write = (text: string) =>
      writeAll(
        conn,
        text.length > WRITE_BYTES ? encoder.encode(text) : encodeAscii(text, encoder, usual),
        close,
      );
    const connection: Connection = { write, close };
    void readAll(conn, buffer, rest, events, close);
    return connection;
  } catch (error) {
    close();
    throw abort.aborted ? new Error(`no upgrade within ${timeoutMs} ms`) : error;
  } finally {
    abort.removeEventListener('abort', close);
  }
}

async function readAll(
  conn: DenoConn,
  buffer: Uint8Array,
  first: Uint8Array,
  events: ConnectionEvents,
  close: () => void,
): Promise<void> {
  let reason = 'closed by the slave';
  try {
    if (first.length > 0) events.onData(first);
    for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer))
      events.onData(buffer.subarray(0, count));
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  close();
  events.onClose(reason);
}

function encodeAscii(text: string, encoder: TextEncoder, into: Uint8Array): Uint8Array {
  return into.subarray(0, encoder.encodeInto(text, into).written);
}

/** A write that fails closes the connection; the reading side tells why. */
async function writeAll(conn: DenoConn, bytes: Uint8Array, close: () => void): Promise<void> {
  let at = 0;
  try {
    while (at < bytes.length) at += await conn.write(at === 0 ? bytes : bytes.subarray(at));
  } catch {
    close();
  }
}
