/**
 * The options of the parts of a cluster: one schema, from which the flags (`--gateway-port`), the variables
 * (`KAMAITACHI_GATEWAY_PORT`) and each part's help are derived.
 */

import { z } from 'zod';
import { show } from '../base/errors.ts';
import { MAX_INGEST_BODY_BYTES, MAX_QUERY_BODY_BYTES } from '../base/limits.ts';
import { nearest } from '../base/nearest.ts';
import { IS_BUILT } from '../base/program.ts';
import {
  describeOptions,
  type Given,
  type OptionTable,
  readCommandLine,
  UsageError,
} from './command-line.ts';
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

export { UsageError };

const GIB = 1024 ** 3;
const DAY_MS = 24 * 3_600_000;
/** Variables with our prefix that are not options of a cluster: the import and sample commands read them. */
const OTHER_VARIABLES = new Set(['KAMAITACHI_KEY', 'KAMAITACHI_TO']);
const PREFIX = 'KAMAITACHI_';

const meta = z.registry<OptionMeta>();
const port = whole(0, 65_535);

/** Programs whose help shows what concerns each of them. */
const EVERYWHERE: readonly Program[] = ['start', 'gateway', 'slave', 'master'];
const file = () => text(1, 4_096).optional();

const schema = z.object({
  slaves: option(whole(1, 64).prefault('2'), 'N', 'slaves that npm start runs', ['start']),
  masters: option(
    whole(1, 8).prefault('1'),
    'N',
    'masters that npm start runs, one of them elected; more than 1 needs --discovery etcd',
    ['start'],
  ),
  replicas: option(whole(1, 64).prefault('2'), 'N', 'slaves that own each slot', [
    'start',
    'gateway',
    'slave',
  ]),
  gatewayPort: option(port.prefault('9000'), 'PORT', 'port of the gateway; 0 = any free port', [
    'start',
    'gateway',
  ]),
  masterPort: option(port.prefault('8080'), 'PORT', 'port of the master; 0 = any free port', EVERYWHERE),
  slavePort: option(
    port.prefault('8081'),
    'PORT',
    'port of the first slave, then +1 each; 0 = any free port',
    ['start', 'slave'],
  ),
  dataDir: option(text(1, 4_096).prefault('data'), 'DIR', 'where data is kept', ['start', 'master', 'slave']),
  sample: option(
    oneOf('fundamentals', 'none').prefault('fundamentals'),
    'fundamentals|none',
    'sample data that npm start loads',
    ['start'],
  ),
  runtime: option(
    oneOf('deno', 'node').optional(),
    'deno|node',
    'what runs the gateway (default: deno where it runs)',
    ['start'],
  ),
  discovery: option(
    oneOf('embedded', 'etcd', 'static').prefault('embedded'),
    'embedded|etcd|static',
    'how nodes find each other',
    EVERYWHERE,
  ),
  etcd: option(
    list(isEtcdUrl, 'http:// or https:// URLs without user and password').prefault('http://127.0.0.1:2379'),
    'URL,…',
    'etcd servers',
    EVERYWHERE,
  ),
  etcdPrefix: option(
    matching(/^[\x21-\x7e]{0,199}\/$/, 'up to 200 printable ASCII characters, the last of them /').prefault(
      '/kamaitachi/',
    ),
    'PREFIX',
    'what the keys of this cluster in etcd begin with',
    EVERYWHERE,
  ),
  etcdUser: option(
    text(1, 256).optional(),
    'NAME',
    'who this part is in an etcd that asks for a user',
    EVERYWHERE,
  ),
  etcdPasswordFile: option(file(), 'FILE', "that user's password, on its first line", EVERYWHERE),
  etcdCa: option(
    file(),
    'FILE',
    'certificates (PEM) that etcd is checked against; default: those of the system',
    EVERYWHERE,
  ),
  etcdCert: option(file(), 'FILE', 'certificate (PEM) to show to etcd', EVERYWHERE),
  etcdKey: option(file(), 'FILE', 'its private key (PEM)', EVERYWHERE),
  host: option(
    matching(HOST, 'a host name or address').prefault('127.0.0.1'),
    'HOST',
    'address to listen on',
    EVERYWHERE,
  ),
  master: option(
    url(['http:', 'https:']).optional(),
    'URL',
    'where the master is (default: http://HOST:MASTER-PORT)',
    ['gateway', 'slave'],
  ),
  nodeId: option(
    text(0, 128).prefault(''),
    'ID',
    'name of this node, stable over restarts (default: host:port)',
    ['master', 'slave'],
  ),
  members: option(
    list((item) => HOST_PORT.test(item), 'host:port items').prefault(''),
    'HOST:PORT,…',
    'slaves, for --discovery static',
    ['gateway', 'slave'],
  ),
  weight: option(decimal(16).prefault('1'), 'W', 'share of the slots relative to other slaves', ['slave']),
  zone: option(text(0, 128).prefault(''), 'ZONE', 'where this node stands', ['gateway', 'slave']),
  cacheBytes: option(bytes().prefault('512MiB'), 'BYTES', 'memory of a slave for cached subjects', [
    'start',
    'slave',
  ]),
  fillBytesPerSecond: option(
    bytes(0).prefault('4MiB'),
    'BYTES',
    'most that a slave takes over a second of slots that another still answers for; 0 = as fast as it goes',
    ['start', 'slave'],
  ),
  edgeCacheBytes: option(
    bytes(0).prefault('0'),
    'BYTES',
    'memory of a gateway for whole answers; 0 = it keeps none',
    ['start', 'gateway'],
  ),
  verifyEveryMs: option(
    whole(0, 365 * DAY_MS).prefault(String(DAY_MS)),
    'MS',
    'a slave compares what it holds with the master once in this time; 0 = only when asked',
    ['start', 'slave'],
  ),
  maxQueryBytes: option(bytes().prefault(String(MAX_QUERY_BODY_BYTES)), 'BYTES', 'largest body of a query', [
    'start',
    'gateway',
    'slave',
  ]),
  maxIngestBytes: option(
    bytes().prefault(String(MAX_INGEST_BODY_BYTES)),
    'BYTES',
    'largest body of an ingest',
    ['start', 'gateway'],
  ),
  corsOrigins: option(
    list(isOrigin, '* or origins such as https://example.org').prefault(''),
    'ORIGIN,…',
    'origins that browsers may call from',
    ['start', 'gateway'],
  ),
  clusterTokenFile: option(
    file(),
    'FILE',
    'tokens that the parts of a cluster know each other by, one a line; the first is sent, every one accepted',
    EVERYWHERE,
  ),
  clusterTokenScope: option(
    oneOf('all', 'internal').prefault('all'),
    'all|internal',
    'what a master or slave asks for the cluster token: every path with data, or only those that parts use among themselves',
    ['master', 'slave'],
  ),
  maxConnections: option(
    whole(16, 1_000_000).prefault('10000'),
    'N',
    'most connections of clients at once; beyond, the one that has been idle longest is closed (a gateway on Deno: only where file descriptors run out)',
    EVERYWHERE,
  ),
  allowedHosts: option(
    list((item) => item === '*' || HOST.test(item), 'host names').prefault(''),
    'NAME,…',
    'further names by which a part that listens on this machine only is asked; * = any',
    EVERYWHERE,
  ),
  keys: option(file(), 'FILE', 'API keys that the gateway asks clients for', ['start', 'gateway']),
  rateLimit: option(
    list(isRate, 'items such as snapshot=200 or default=100:300').prefault(''),
    'CLASS=RATE,…',
    'requests a second of one client, by class: snapshot, period, selection, ingest, default; RATE:BURST allows more at once',
    ['start', 'gateway'],
  ),
  trustedProxies: option(
    list(
      isNetwork,
      'addresses and networks such as 10.0.0.5, 10.0.0.0/8 or fd00::/8 (no bits set beyond the prefix)',
    ).prefault(''),
    'ADDRESS,…',
    'proxies, or networks of them such as 10.0.0.0/8, whose X-Forwarded-For says who the client is',
    ['start', 'gateway'],
  ),
  tlsCert: option(file(), 'FILE', 'certificate (PEM) to listen with, over TLS', EVERYWHERE),
  tlsKey: option(file(), 'FILE', 'its private key (PEM)', EVERYWHERE),
  tlsCa: option(
    file(),
    'FILE',
    'certificates (PEM) that the parts of a cluster check each other against; with it they speak TLS',
    EVERYWHERE,
  ),
  leaseTtlMs: option(
    whole(500, 600_000).prefault('5000'),
    'MS',
    'how long a registration lives without renewal',
    EVERYWHERE,
  ),
  ownershipDelayMs: option(
    whole(0, DAY_MS).prefault('60000'),
    'MS',
    'how long a vanished slave keeps its slots',
    ['start', 'gateway', 'slave'],
  ),
  database: option(
    url(['file:', 'libsql:', 'http:', 'https:']).optional(),
    'URL',
    "the master's database (default: a file in the data directory)",
    ['start', 'master'],
  ),
  newHistory: option(
    oneOf('true', 'false')
      .optional()
      .transform((text) => text === 'true'),
    undefined,
    'for one start, by a person: where the database is lost the master begins an empty one, and slaves give up what they hold',
    ['start', 'master'],
  ),
  logKeepMs: option(
    whole(0, 365 * DAY_MS).prefault(String(7 * DAY_MS)),
    'MS',
    'how long the log of writes is kept',
    ['start', 'master'],
  ),
  logKeepBytes: option(bytes().prefault(String(2 * GIB)), 'BYTES', 'how large the log of writes may get', [
    'start',
    'master',
  ]),
  logLevel: option(
    oneOf('debug', 'info', 'warn', 'error').prefault('info'),
    'debug|info|warn|error',
    'the least that is logged',
    EVERYWHERE,
  ),
});

type Parsed = z.output<typeof schema>;
/** What the options mean, with every default put in; only `runtime` may stay open. */
export type Options = Parsed & { master: string; database: string };

/** A program that takes these options: a part of a cluster, or the launcher of all of them. */
export type Program = 'start' | 'gateway' | 'slave' | 'master';

/** Reads a command line (without the program's name) and an environment. Throws a UsageError. */
export function parseOptions(argv: readonly string[], env: Record<string, string | undefined>): Options {
  checkVariables(env);
  const { given, rest } = readCommandLine(TABLE, argv, env);
  if (rest.length > 0)
    throw new UsageError(
      `${show(rest[0])}: expected an option such as --slaves 2${IS_BUILT ? '' : '; with npm put -- before the options: npm start -- --slaves 2'}`,
    );
  const texts = Object.fromEntries(
    FIELDS.flatMap((field) => (given.has(nameOf(field)) ? [[field, given.get(nameOf(field))!.text]] : [])),
  );
  const result = schema.safeParse(texts, { reportInput: true });
  if (!result.success) {
    // Of a list the input is the item that is wrong.
    const { path, message, input } = result.error.issues[0];
    throw new UsageError(`${given.get(nameOf(path[0] as Field))!.source}: ${message}, got ${show(input)}`);
  }
  const options = result.data;
  checkTogether(options, given);
  const master = options.master ?? `http://${hostPort(options.host, options.masterPort)}`;
  return {
    ...options,
    // Where the parts check certificates nothing between them goes without TLS.
    master: options.tlsCa === undefined ? master : master.replace(/^http:/, 'https:'),
    database: options.database ?? defaultDatabase(options.dataDir),
  };
}

/** What `--help` prints. `command`: how the program is started, such as `npm start --`. */
export function helpText(command: string, program: Program): string {
  const own = Object.fromEntries(
    FIELDS.filter((field) => meta.get(schema.shape[field])!.programs.includes(program)).map((field) => [
      nameOf(field),
      TABLE[nameOf(field)],
    ]),
  );
  return [
    `usage: ${command} [options]`,
    '',
    // The variable of each would double the text.
    describeOptions(
      Object.fromEntries(
        Object.entries(own).map(([name, option]) => [name, { ...option, variable: undefined }]),
      ),
    ),
    '',
    `Every option is also a variable: --${nameOf('logLevel')} is ${variableOf('logLevel')}. A flag wins over a variable.`,
  ].join('\n');
}

/** The command line that `parseOptions` reads as `options`; for programs that start others. */
export function argvOf(options: Partial<Options>): string[] {
  const { discovery } = options;
  return FIELDS.flatMap((field) => {
    const isUnused = OF_ETCD.includes(field) && discovery !== undefined && discovery !== 'etcd';
    const value = isUnused ? undefined : options[field];
    // A switch is there or not.
    if (value === undefined || value === false) return [];
    if (value === true) return [`--${nameOf(field)}`];
    return [`--${nameOf(field)}=${Array.isArray(value) ? value.join() : value}`];
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
/** They mean something with `--discovery etcd` only. */
const OF_ETCD: readonly Field[] = [
  'etcd',
  'etcdPrefix',
  'etcdUser',
  'etcdPasswordFile',
  'etcdCa',
  'etcdCert',
  'etcdKey',
];
const TABLE: OptionTable = Object.fromEntries(
  FIELDS.map((field) => {
    const type = schema.shape[field];
    const { value, says } = meta.get(type)!;
    const fallback = type.def.type === 'prefault' ? String(type.def.defaultValue) : undefined;
    return [nameOf(field), { value, says, fallback, variable: variableOf(field) }];
  }),
);

/** Options that mean nothing by themselves, or cannot both be meant. */
function checkTogether(options: Parsed, given: ReadonlyMap<string, Given>): void {
  for (const field of OF_ETCD)
    if (given.has(nameOf(field)) && options.discovery !== 'etcd')
      throw new UsageError(
        `${given.get(nameOf(field))!.source}: expected --discovery etcd with it, got --discovery ${options.discovery}`,
      );
}

/** A variable with our prefix that looks like a misspelt option is refused; others are somebody else's. */
function checkVariables(env: Record<string, string | undefined>): void {
  const known = FIELDS.map(variableOf);
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || !text || OTHER_VARIABLES.has(name) || known.includes(name)) continue;
    const near = nearest(name, known);
    if (near.distance <= 2) throw new UsageError(`${name}: unknown variable, did you mean ${near.name}?`);
  }
}

function nameOf(field: Field): string {
  return field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function variableOf(field: Field): string {
  return PREFIX + field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

interface OptionMeta {
  /** undefined = a switch. */
  value: string | undefined;
  says: string;
  /** Whose help shows it. All programs take all options: one environment may serve a whole cluster. */
  programs: readonly Program[];
}

function option<Type extends z.ZodType>(
  type: Type,
  value: string | undefined,
  says: string,
  programs: readonly Program[],
): Type {
  meta.add(type, { value, says, programs });
  return type;
}
