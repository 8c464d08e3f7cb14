/**
 * What web pages of others may not do. A browser on this machine reaches parts that listen on it alone, and sends them what any
 * page tells it to: so a part that only this machine reaches answers under its own names only (a page may give its own name
 * any address), and what changes something is not taken from pages of other origins.
 */
import { KamaitachiError } from '../base/errors.ts';

export interface VisitorOptions {
  /** The part listens on this machine only. */
  isLocal: boolean;
  /** What it listens on. */
  host: string;
  /** Other names that it is asked by; `*` = any. */
  allowedHosts: readonly string[];
  /** Origins of pages that may do everything; `*` = any. */
  origins: readonly string[];
}

interface Head {
  get(name: string): string | null;
}

/** Names checked before, so that the usual ones cost one look. */
const MAX_KNOWN = 64;
/** Names without a dot belong to this machine or its network: nobody can register them. */
const LOCAL_NAME = /^([a-z0-9_-]+|\[::1\]|127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/;

export class Visitors {
  private readonly options: VisitorOptions;
  private readonly known = new Set<string>();

  constructor(options: VisitorOptions) {
    this.options = options;
  }

  /** `host`: a `Host` header. Throws `forbidden` where it is none of this part's names. */
  checkHost(host: string): void {
    // A browser always names one.
    if (!this.options.isLocal || host === '' || this.known.has(host)) return;
    const name = nameOf(host);
    const { allowedHosts, host: own } = this.options;
    const isOurs =
      LOCAL_NAME.test(name) ||
      name === own.toLowerCase() ||
      allowedHosts.some((allowed) => allowed === '*' || allowed.toLowerCase() === name);
    if (!isOurs)
      throw new KamaitachiError(
        'forbidden',
        `host: expected a name of this machine, got ${JSON.stringify(name.slice(0, 100))}; name others with --allowed-hosts`,
      );
    if (this.known.size < MAX_KNOWN) this.known.add(host);
  }

  /** Throws `forbidden` for what a page of another origin makes a browser send. Other clients send none of these headers. */
  checkOrigin(headers: Head): void {
    const origin = headers.get('origin');
    const site = headers.get('sec-fetch-site');
    if (origin === null && site === null) return;
    const { origins } = this.options;
    if (origins.includes('*') || (origin !== null && origins.includes(origin))) return;
    if (site === 'same-origin' || site === 'none') return;
    if (site === null && isOwn(origin!, headers.get('host'))) return;
    throw new KamaitachiError(
      'forbidden',
      `origin: expected none or this part's own, got ${JSON.stringify((origin ?? site!).slice(0, 100))}; name others with --cors-origins`,
    );
  }
}

/** A name as it stands in a `Host` header, without its port. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

function isOwn(origin: string, host: string | null): boolean {
  return host !== null && (origin === `http://${host}` || origin === `https://${host}`);
}
