/**
 * A connection to etcd that cannot hang: every call has a deadline, and after a failure the next one begins with a new
 * client. That also makes nothing of etcd3's breaker, which would keep us away for 5 s from an etcd that is back.
 */
import { Buffer } from 'node:buffer';
import { rootCertificates } from 'node:tls';
import { Etcd3 } from 'etcd3';

/** Where etcd is, and what it asks of those who connect. */
export interface EtcdServer {
  /** `http://host:port` or `https://host:port`, one or more members of one cluster; each call goes to any of them. */
  hosts: readonly string[];
  auth?: { username: string; password: string };
  /** PEM; `ca` absent: the authorities of the system. */
  tls?: { ca?: string; cert?: string; key?: string };
}

export interface EtcdConnectionOptions extends EtcdServer {
  /** A call that takes longer has failed. */
  timeoutMs: number;
}

export interface CallOptions {
  deadline: number;
}

/** Above the 5 s that etcd allows: it hangs up on clients that ping it more often while nothing is under way. */
const PING_EVERY_MS = 10_000;
const PING_TIMEOUT_MS = 2_000;

let dialled = 0;

export class EtcdConnection {
  private readonly options: EtcdConnectionOptions;
  private client: Etcd3 | undefined;

  constructor(options: EtcdConnectionOptions) {
    if (options.hosts.length === 0) throw new RangeError('etcd: expected at least one URL, got none');
    if (!(options.timeoutMs > 0))
      throw new RangeError(`etcd timeout: expected a time over 0 ms, got ${options.timeoutMs}`);
    this.options = { ...options, hosts: options.hosts.map(checkHost) };
  }

  /** One call. `work` must pass the options on to etcd. */
  call<Answer>(work: (etcd: Etcd3, options: CallOptions) => Promise<Answer>): Promise<Answer> {
    return this.use((etcd) => work(etcd, { deadline: Date.now() + this.options.timeoutMs }));
  }

  /** Opens a stream, which has no deadline: whoever opens it watches over it. */
  open<Stream>(work: (etcd: Etcd3) => Promise<Stream>): Promise<Stream> {
    return this.use(work);
  }

  /** What is under way may still end; the next call dials anew. */
  close(): void {
    this.client?.close();
    this.client = undefined;
  }

  private async use<Answer>(work: (etcd: Etcd3) => Promise<Answer>): Promise<Answer> {
    this.client ??= dial(this.options);
    const client = this.client;
    try {
      return await work(client);
    } catch (error) {
      if (this.client === client) this.close();
      throw error;
    }
  }
}

function dial({ hosts, auth, tls, timeoutMs }: EtcdConnectionOptions): Etcd3 {
  const pem = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text));
  return new Etcd3({
    hosts: [...hosts],
    // Asking for a token is a call like any other: without a deadline it could hang.
    auth: auth && { ...auth, callOptions: () => ({ deadline: Date.now() + timeoutMs }) },
    credentials: tls && {
      rootCertificate: pem(tls.ca) ?? Buffer.from(rootCertificates.join('\n')),
      certChain: pem(tls.cert),
      privateKey: pem(tls.key),
    },
    grpcOptions: {
      'grpc.keepalive_time_ms': PING_EVERY_MS,
      'grpc.keepalive_timeout_ms': PING_TIMEOUT_MS,
      // gRPC shares connections between clients with equal options, also one that leads into a black hole. A name of its own
      // gives every client a fresh one.
      'grpc.primary_user_agent': `kamaitachi/${++dialled}`,
    },
  });
}

function checkHost(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new RangeError(`etcd: expected a URL such as http://127.0.0.1:2379, got ${text}`);
  if (url.username !== '' || url.password !== '')
    throw new RangeError(
      `etcd: expected a URL without user and password, got ${url.protocol}//…@${url.host}`,
    );
  // A URL drops the port that is usual for its protocol; where none was written it is etcd's.
  const written = /:(\d+)\/*$/.exec(text)?.[1];
  return `${url.protocol}//${url.hostname}:${url.port || written || '2379'}`;
}
