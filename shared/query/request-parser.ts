/** Reads requests with a memory of those seen lately: clients repeat themselves, and a look-up is cheaper. */
import { parseQueryParams } from './params.ts';
import { type Asked, parseAsked, parseObject, type QueryOf } from './parse.ts';
import type { BodyKind } from './paths.ts';

/** What they return is shared between requests: nobody may change it. */
export interface RequestParser {
  body: Parse;
  /** The text is what stands behind the `?` of a URL. */
  params: Parse;
}

type Parse = <Kind extends BodyKind>(kind: Kind, text: string) => Asked<QueryOf[Kind]>;

/** Texts up to this length are remembered with their query. */
const MAX_CACHED_CHARS = 4_096;
/** All of them together; then all are forgotten. An expression takes up to 40 bytes a character as a query. */
const MAX_CACHED_CHARS_TOGETHER = 2 * 1024 * 1024;

export function createRequestParser(): RequestParser {
  const memories: Map<string, unknown>[] = [];
  let chars = 0;

  function remembering(parse: Parse): Parse {
    const known: { [Kind in BodyKind]: Map<string, Asked<QueryOf[Kind]>> } = {
      snapshot: new Map(),
      period: new Map(),
      panel: new Map(),
      selection_snapshot: new Map(),
      selection_period: new Map(),
    };
    memories.push(...Object.values(known));
    return (kind, text) => {
      const remembered = known[kind].get(text);
      if (remembered !== undefined) return remembered;
      const asked = parse(kind, text);
      // A panel's text may be short and stand for many dates. Reading them is little beside answering.
      if (kind === 'panel' || text.length > MAX_CACHED_CHARS) return asked;
      chars += text.length;
      if (chars > MAX_CACHED_CHARS_TOGETHER) {
        for (const memory of memories) memory.clear();
        chars = text.length;
      }
      known[kind].set(text, asked);
      return asked;
    };
  }

  return {
    body: remembering((kind, text) => parseAsked(kind, parseObject(text))),
    params: remembering(parseQueryParams),
  };
}
