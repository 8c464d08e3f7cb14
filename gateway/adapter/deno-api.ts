/** The part of Deno that the gateway uses, typed here so that the same source is checked by tsc and by `deno check`. */

export interface DenoConn {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  setNoDelay(noDelay: boolean): void;
  close(): void;
}

export interface DenoServer {
  addr: { hostname: string; port: number };
  shutdown(): Promise<void>;
}

interface DenoApi {
  args: string[];
  env: { toObject(): Record<string, string> };
  connect(options: { hostname: string; port: number; signal?: AbortSignal }): Promise<DenoConn>;
  serve(
    options: { hostname: string; port: number; onListen: () => void },
    handler: (request: Request) => Response | Promise<Response>,
  ): DenoServer;
  addSignalListener(signal: 'SIGTERM' | 'SIGINT', listener: () => void): void;
  errors: { AddrInUse: new () => Error };
  exit(code: number): never;
}

export const deno = (globalThis as unknown as { Deno: DenoApi }).Deno;
