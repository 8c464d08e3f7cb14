/**
 * The options of every command: one schema, from which the flags (`--gateway-port`), the variables
 * (`KAMAITACHI_GATEWAY_PORT`) and the help are derived. A flag wins over a variable.
 */
import { z } from 'zod';
import { show } from '../base/errors.ts';
import { MAX_INGEST_BODY_BYTES, MAX_QUERY_BODY_BYTES } from '../base/limits.ts';
import { nearest } from '../base/nearest.ts';
import {
  bytes,
  decimal,
  HOST,
  HOST_PORT,
  isEtcdUrl,
  isNetwork,
  isOrigin,
  isRate,
  list,
  matching,
  oneOf,
  text,
  url,
  whole,
} from './option-types.ts';

/** A command line or an environment that cannot be understood; the message is one line for the person who typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const GIB = 1024 ** 3;
const DAY_MS = 24 * 3_600_000;
/** Variables with our prefix that are not options of a cluster: the import and sample commands read them. */
const OTHER_VARIABLES = new Set(['KAMAITACHI_KEY', 'KAMAITACHI_TO']);
const PREFIX = 'KAMAITACHI_';

const port = whole(0, 65_535);

const schema = z.object({
  slaves: option(whole(1, 64).prefault('2'), 'N', 'slaves that npm start runs'),
  masters: option(
    whole(1, 8).prefault('1'),
    'N',
    'masters that npm start runs, one of them elected; more than 1 needs --discovery etcd',
  ),
  replicas: option(whole(1, 64).prefault('2'), 'N', 'slaves that own each slot'),
  gatewayPort: option(port.prefault('9000'), 'PORT', 'port of the gateway; 0 = any free port'),
  masterPort: option(port.prefault('8080'), 'PORT', 'port of the master; 0 = any free port'),
  slavePort: option(
    port.prefault('8081'),
    'PORT',
    'port of the first slave, then +1 each; 0 = any free port',
  ),
  dataDir: option(text(1, 4_096).prefault('data'), 'DIR', 'where data is kept'),
  sample: option(
    oneOf('fundamentals', 'none').prefault('fundamentals'),
    'NAME',
    'sample data that npm start loads',
  ),
  runtime: option(
    oneOf('deno', 'node').optional(),
    'NAME',
    'what runs the gateway (default: deno where it runs)',
  ),
  discovery: option(
    oneOf('embedded', 'etcd', 'static').prefault('embedded'),
    'NAME',
    'how nodes find each other',
  ),
  etcd: option(
    list(isEtcdUrl, 'http:// or https:// URLs without user and password').prefault('http://127.0.0.1:2379'),
    'URL,…',
    'etcd servers',
  ),
  etcdPrefix: option(
    matching(/^[\x21-\x7e]{0,199}\/$/, 'up to 200 printable ASCII characters, the last of them /').prefault(
      '/kamaitachi/',
    ),
    'PREFIX',
    'what the keys of this cluster in etcd begin with',
  ),
  host: option(
    matching(HOST, 'a host name or address').prefault('127.0.0.1'),
    'HOST',
    'address to listen on',
  ),
  master: option(
    url(['http:', 'https:']).optional(),
    'URL',
    'where the master is (default: http://HOST:MASTER-PORT)',
  ),
  nodeId: option(
    text(0, 128).prefault(''),
    'ID',
    'name of this node, stable over restarts (default: host:port)',
  ),
  members: option(
    list((item) => HOST_PORT.test(item), 'host:port items').prefault(''),
    'HOST:PORT,…',
    'slaves, for --discovery static',
  ),
  weight: option(decimal(16).prefault('1'), 'W', 'share of the slots relative to other slaves'),
  zone: option(text(0, 128).prefault(''), 'ZONE', 'where this node stands'),
  cacheBytes: option(bytes().prefault('512MiB'), 'BYTES', 'memory of a slave for cached subjects'),
  fillBytesPerSecond: option(
    bytes(0).prefault('4MiB'),
    'BYTES',
    'most that a slave takes over a second of slots that another still answers for; 0 = as fast as it goes',
  ),
  edgeCacheBytes: option(
    bytes(0).prefault('0'),
    'BYTES',
    'memory of a gateway for whole answers; 0 = it keeps none',
  ),
  verifyEveryMs: option(
    whole(0, 365 * DAY_MS).prefault(String(DAY_MS)),
    'MS',
    'a slave compares what it holds with the master once in this time; 0 = only when asked',
  ),
  maxQueryBytes: option(bytes().prefault(String(MAX_QUERY_BODY_BYTES)), 'BYTES', 'largest body of a query'),
  maxIngestBytes: option(
    bytes().prefault(String(MAX_INGEST_BODY_BYTES)),
    'BYTES',
    'largest body of an ingest',
  ),
  corsOrigins: option(
    list(isOrigin, '* or origins such as https://example.org').prefault(''),
    'ORIGIN,…',
    'origins that browsers may call from',
  ),
  clusterTokenFile: option(
    text(1, 4_096).optional(),
    'FILE',
    'tokens that the parts of a cluster know each other by, one a line; the first is sent, every one accepted',
  ),
  keys: option(text(1, 4_096).optional(), 'FILE', 'API keys that the gateway asks clients for'),
  rateLimit: option(
    list(isRate, 'items such as snapshot=200 or default=100:300').prefault(''),
    'CLASS=RATE,…',
    'requests a second of one client, by class: snapshot, period, selection, ingest, default; RATE:BURST allows more at once',
  ),
  trustedProxies: option(
    list(
      isNetwork,
      'addresses and networks such as 10.0.0.5, 10.0.0.0/8 or fd00::/8 (no bits set beyond the prefix)',
    ).prefault(''),
    'ADDRESS,…',
    'proxies, or networks of them such as 10.0.0.0/8, whose X-Forwarded-For says who the client is',
  ),
  tlsCert: option(text(1, 4_096).optional(), 'FILE', 'certificate (PEM) to listen with, over TLS'),
  tlsKey: option(text(1, 4_096).optional(), 'FILE', 'its private key (PEM)'),
  tlsCa: option(
    text(1, 4_096).optional(),
    'FILE',
    'certificates (PEM) that the parts of a cluster check each other against; with it they speak TLS',
  ),
  leaseTtlMs: option(
    whole(500, 600_000).prefault('5000'),
    'MS',
    'how long a registration lives without renewal',
  ),
  ownershipDelayMs: option(
    whole(0, DAY_MS).prefault('60000'),
    'MS',
    'how long a vanished slave keeps its slots',
  ),
  database: option(
    url(['file:', 'libsql:', 'http:', 'https:']).optional(),
    'URL',
    "the master's database (default: a file in the data directory)",
  ),
  logKeepMs: option(
    whole(0, 365 * DAY_MS).prefault(String(7 * DAY_MS)),
    'MS',
    'how long the log of writes is kept',
  ),
  logKeepBytes: option(bytes().prefault(String(2 * GIB)), 'BYTES', 'how large the log of writes may get'),
  logLevel: option(
    oneOf('debug', 'info', 'warn', 'error').prefault('info'),
    'LEVEL',
    'the least that is logged',
  ),
});

type Parsed = z.output<typeof schema>;
/** What the options mean, with every default put in; only `runtime` may stay open. */
export type Options = Parsed & { master: string; database: string };

/** Reads a command line (without the program's name) and an environment. Throws a UsageError. */
export function parseOptions(argv: readonly string[], env: Record<string, string | undefined>): Options {
  const given = new Map([...fromVariables(env), ...fromFlags(argv)]);
  const texts = Object.fromEntries([...given].map(([field, { text }]) => [field, text]));
  const result = schema.safeParse(texts, { reportInput: true });
  if (!result.success) {
    // Of a list the input is the item that is wrong.
    const { path, message, input } = result.error.issues[0];
    throw new UsageError(`${given.get(path[0] as Field)!.source}: ${message}, got ${show(input)}`);
  }
  const options = result.data;
  const master = options.master ?? `http://${hostPort(options.host, options.masterPort)}`;
  return {
    ...options,
    // Where the parts check certificates nothing between them goes without TLS.
    master: options.tlsCa === undefined ? master : master.replace(/^http:/, 'https:'),
    database: options.database ?? defaultDatabase(options.dataDir),
  };
}

/** Whether a command line asks for help; then nothing else in it matters. */
export function asksForHelp(argv: readonly string[]): boolean {
  return argv.includes('--help') || argv.includes('-h');
}

/** What `--help` prints. `command`: how the program is started, such as `npm start --`. */
export function helpText(command: string): string {
  const rows = FIELDS.map((field) => {
    const type = schema.shape[field];
    const { value, says } = type.meta() as { value: string; says: string };
    const fallback = type.def.type === 'prefault' ? String(type.def.defaultValue) : '';
    return [`  ${flagOf(field)} ${value}`, fallback === '' ? says : `${says} (${fallback})`];
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `usage: ${command} [options]`,
    '',
    ...rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`),
    `${'  --help'.padEnd(width)}  this text`,
    '',
    `Every option is also a variable: --gateway-port is ${variableOf('gatewayPort')}. A flag wins over a variable.`,
  ].join('\n');
}

/** The command line that `parseOptions` reads as `options`; for programs that start others. */
export function argvOf(options: Partial<Options>): string[] {
  return FIELDS.flatMap((field) => {
    const value = options[field];
    return value === undefined ? [] : [`${flagOf(field)}=${Array.isArray(value) ? value.join() : value}`];
  });
}

/** Where a master keeps its database unless it is told otherwise. */
export function defaultDatabase(dataDir: string): string {
  const path = `${dataDir}/kamaitachi.db`;
  return `file:${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** `host:port` as it stands in URLs and registrations: an IPv6 address gets its brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What one speaks with a part that listens with these options. */
export function schemeOf({ tlsCert }: Pick<Parsed, 'tlsCert'>): 'http' | 'https' {
  return tlsCert === undefined ? 'http' : 'https';
}

type Field = keyof Parsed & string;
const FIELDS = Object.keys(schema.shape) as Field[];

interface Given {
  /** The flag or variable as it was typed. */
  source: string;
  text: string;
}

function fromFlags(argv: readonly string[]): Map<Field, Given> {
  const given = new Map<Field, Given>();
  for (let i = 0; i < argv.length; i++) {
    const [, flag, , inline] = /^(--?[^=]*)(=(.*))?$/s.exec(argv[i]) ?? [];
    if (flag === undefined)
      throw new UsageError(
        `${show(argv[i])}: expected an option such as --slaves 2; with npm put -- before the options: npm start -- --slaves 2`,
      );
    const field = FIELDS.find((name) => flagOf(name) === flag);
    if (field === undefined)
      throw new UsageError(
        `${flag}: unknown option, did you mean ${nearest(flag, FIELDS.map(flagOf)).name}?`,
      );
    const next = argv[i + 1];
    if (inline === undefined && (next === undefined || next.startsWith('--')))
      throw new UsageError(`${flag}: expected a value after it, got ${next ?? 'nothing'}`);
    const text = inline ?? argv[++i];
    given.set(field, { source: flag, text });
  }
  return given;
}

/** A variable that is set to nothing counts as not set. One that looks like a misspelt option is refused. */
function fromVariables(env: Record<string, string | undefined>): Map<Field, Given> {
  const given = new Map<Field, Given>();
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || text === undefined || text === '' || OTHER_VARIABLES.has(name)) continue;
    const field = FIELDS.find((field) => variableOf(field) === name);
    if (field !== undefined) given.set(field, { source: name, text });
    else {
      const near = nearest(name, FIELDS.map(variableOf));
      if (near.distance <= 2) throw new UsageError(`${name}: unknown variable, did you mean ${near.name}?`);
    }
  }
  return given;
}

function flagOf(field: Field): string {
  return `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function variableOf(field: Field): string {
  return PREFIX + field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function option<Type extends z.ZodType>(type: Type, value: string, says: string): Type {
  return type.meta({ value, says });
}
