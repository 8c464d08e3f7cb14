/** The part of Deno that the gateway uses, typed here so that the same source is checked by tsc and by `deno check`. */

export interface DenoConn {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

export interface DenoTcpConn extends DenoConn {
  setNoDelay(noDelay: boolean): void;
}

/** What a `fetch` of Deno takes as `client`. */
export type DenoHttpClient = object;

export interface DenoServer {
  addr: { hostname: string; port: number };
  /** Rejects where no connection can be accepted any more; those that stand are served on. */
  finished: Promise<void>;
  shutdown(): Promise<void>;
}

interface DenoApi {
  args: string[];
  env: { toObject(): Record<string, string> };
  connect(options: { hostname: string; port: number; signal?: AbortSignal }): Promise<DenoTcpConn>;
  startTls(conn: DenoTcpConn, options: { hostname: string; caCerts: string[] }): Promise<DenoConn>;
  createHttpClient(options: { caCerts: string[]; http2: boolean }): DenoHttpClient;
  serve(
    options: { hostname: string; port: number; onListen: () => void; cert?: string; key?: string },
    handler: (request: Request, info: { remoteAddr: { hostname: string } }) => Response | Promise<Response>,
  ): DenoServer;
  addSignalListener(signal: 'SIGTERM' | 'SIGINT', listener: () => void): void;
  errors: { AddrInUse: new () => Error };
  exit(code: number): never;
}

export const deno = (globalThis as unknown as { Deno: DenoApi }).Deno;
