/** The door: who may do what and how often. The check that stands before each handler. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import type { ApiKey, Scope } from '../../shared/http/keys.ts';
import type { Visitors } from '../../shared/http/visitors.ts';
import type { Keys } from './keys.ts';
import type { RateLimits } from './rate-limits.ts';
import type { RateClass, Route, RouteName } from './routes.ts';

/**
 * Before a handler: throws `unauthorized`, `forbidden` or `rate_limited`. Returns the id of the client's key; undefined where
 * nobody is asked for one.
 */
export type Check = (request: Request) => string | undefined;

/** What pages of other origins may not ask for. */
const CHANGING: readonly RouteName[] = ['save', 'deleteRow', 'ingest', 'cacheReset'];

/** What happened to requests at the door. */
export interface AccessCounts {
  absent: number;
  unknown: number;
  forbidden: number;
}

export interface AccessOptions {
  /** Absent = all may come. */
  visitors?: Visitors;
  /** undefined: everybody may do everything. */
  keys: Keys | undefined;
  /** undefined: as often as they like. */
  limits?: RateLimits;
  /** Who a client without a key is. */
  clientOf: (request: Request) => string;
}

export class Access {
  readonly counts: AccessCounts = { absent: 0, unknown: 0, forbidden: 0 };
  readonly options: AccessOptions;

  constructor(options: AccessOptions) {
    this.options = options;
  }

  /** The check of a route; undefined where there is nothing to check. Call once per route. */
  check(route: Route): Check | undefined {
    const { visitors } = this.options;
    const admitted = this.checkClient(route);
    if (visitors === undefined || !CHANGING.includes(route.name)) return admitted;
    return (request) => {
      visitors.checkOrigin(request.headers);
      return admitted?.(request);
    };
  }

  private checkClient({ scope, rateClass }: Route): Check | undefined {
    const { keys, limits, clientOf } = this.options;
    const limit = limits?.of(rateClass);
    if (keys !== undefined && scope !== 'open')
      return ({ headers }) => {
        const { id } = this.allow(keys, headers, scope);
        limit?.(`key ${id}`);
        return id;
      };
    if (limit === undefined) return undefined;
    return (request) => {
      limit(clientOf(request));
      return undefined;
    };
  }

  /** Counts one more request at the rate of a class, of a client that has been let in; throws `rate_limited`. */
  count(rateClass: RateClass, { raw, client }: { raw: Request; client: string | undefined }): void {
    const { limits, clientOf } = this.options;
    const limit = limits?.of(rateClass);
    if (limit !== undefined) limit(client === undefined ? clientOf(raw) : `key ${client}`);
  }

  private allow(keys: Keys, headers: Headers, scope: Scope): ApiKey {
    const text = keyIn(headers);
    if (text === undefined) {
      this.counts.absent++;
      throw new KamaitachiError('unauthorized', `API key: ${EXPECTED}, got none`);
    }
    const key = keys.find(text);
    if (key === undefined) {
      this.counts.unknown++;
      throw new KamaitachiError('unauthorized', `API key: ${EXPECTED}, got one that is not known here`);
    }
    if (key.scopes.includes(scope)) return key;
    this.counts.forbidden++;
    throw new KamaitachiError(
      'forbidden',
      `API key: expected one with the scope ${scope}, got one with ${key.scopes}`,
    );
  }
}

const EXPECTED = 'expected one as authorization: Bearer KEY or x-api-key: KEY';
const BEARER = /^bearer +(\S+) *$/i;

/** An `authorization` of another kind is a proxy's affair, not ours. */
function keyIn(headers: Headers): string | undefined {
  const authorization = headers.get('authorization');
  const bearer = authorization === null ? null : BEARER.exec(authorization);
  return bearer === null ? (headers.get('x-api-key') ?? undefined) : bearer[1];
}
