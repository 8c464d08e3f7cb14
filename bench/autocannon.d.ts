/** The part of autocannon that the benchmark uses; the package brings no types. */
declare module 'autocannon' {
  export interface AutocannonRequest {
    method: string;
    path: string;
    headers: Record<string, string>;
    body: string;
    isWrite?: boolean;
    onResponse?(status: number, body: string): void;
  }
  export interface AutocannonClient {
    setRequests(requests: AutocannonRequest[]): void;
    requestIterator: { currentRequest: AutocannonRequest };
  }
  export interface AutocannonOptions {
    url: string;
    connections: number;
    amount?: number;
    duration?: number;
    sampleInt?: number;
    /** Seconds. */
    timeout?: number;
    setupClient?(client: AutocannonClient): void;
  }
  export interface AutocannonResult {
    errors: number;
    timeouts: number;
  }
  export interface AutocannonInstance extends PromiseLike<AutocannonResult> {
    on(
      event: 'response',
      listener: (client: AutocannonClient, status: number, bytes: number, ms: number) => void,
    ): this;
    on(event: 'start', listener: () => void): this;
  }
  const autocannon: (options: AutocannonOptions) => AutocannonInstance;

  // biome-ignore lint/style/noDefaultExport: this is how the package exports it
  export { autocannon as default };
}
