/** Reads requests with a memory of those seen lately: clients repeat themselves, and a look-up is cheaper. */
import { parseQueryParams } from './params.ts';
import { type Asked, parseAsked, parseObject, type QueryOf } from './parse.ts';
import type { BodyKind } from './paths.ts';

/** What they return is shared between requests: nobody may change it. */
export interface RequestParser {
  body<Kind extends BodyKind>(kind: Kind, text: string): Asked<QueryOf[Kind]>;
  /** `search`: what stands behind the `?` of a URL. */
  params<Kind extends BodyKind>(kind: Kind, search: string): Asked<QueryOf[Kind]>;
}

/** Texts up to this length are remembered with their query, this many for each kind. */
const MAX_CACHED_CHARS = 4_096;
const MAX_CACHED_TEXTS = 4_096;

export function createRequestParser(): RequestParser {
  return {
    body: remembering((kind, text) => parseAsked(kind, parseObject(text))),
    params: remembering(parseQueryParams),
  };
}

function remembering(parse: RequestParser['body']): RequestParser['body'] {
  const caches: { [Kind in BodyKind]: Map<string, Asked<QueryOf[Kind]>> } = {
    snapshot: new Map(),
    period: new Map(),
    panel: new Map(),
    selection_snapshot: new Map(),
    selection_period: new Map(),
  };
  return (kind, text) => {
    // A short text may stand for many dates, and reading them is little beside answering.
    if (kind === 'panel') return parse(kind, text);
    const cache = caches[kind];
    const known = cache.get(text);
    if (known !== undefined) return known;
    const asked = parse(kind, text);
    if (text.length <= MAX_CACHED_CHARS) {
      if (cache.size >= MAX_CACHED_TEXTS) cache.clear();
      cache.set(text, asked);
    }
    return asked;
  };
}
