/**
 * Which protocol two ends of a link speak, and which one a query needs. Nodes are updated one by one, so a gateway and a
 * slave of neighbouring versions must understand each other: both say the oldest and the newest protocol that they speak,
 * and use the newest that both know.
 */
import type { Query } from '../query/query.ts';
import { type AnswerShape, type Hello, LINK_PROTOCOL } from './messages.ts';

export const OLDEST_LINK_PROTOCOL = LINK_PROTOCOL - 1;

/** What a hello says about protocols. */
export const SPOKEN: Required<Pick<Hello, 'protocol' | 'newest'>> = {
  protocol: OLDEST_LINK_PROTOCOL,
  newest: LINK_PROTOCOL,
};

/** The newest protocol that the other end of a link and this one speak; undefined where there is none. */
export function agreedProtocol({ protocol, newest = protocol }: Hello): number | undefined {
  if (!Number.isInteger(protocol) || !Number.isInteger(newest)) return undefined;
  const agreed = Math.min(newest, LINK_PROTOCOL);
  return agreed >= Math.max(protocol, OLDEST_LINK_PROTOCOL) ? agreed : undefined;
}

/** The fields that protocol 1 knows, by kind of query. It ignores others, and so would answer something else. */
const PROTOCOL_1: Readonly<Record<string, readonly string[]>> = {
  snapshot: 'kind pool ids field descending offset limit asOf timestamp withTime'.split(' '),
  period: 'kind subjects ids from to descending limit asOf'.split(' '),
  dated: 'kind pool ids field descending offset limit asOf from to'.split(' '),
  table: 'kind subjects ids from to offset limit'.split(' '),
  topics: ['kind'],
  indicators: ['kind'],
  subjects: 'kind topic prefix after limit'.split(' '),
};

/** The oldest protocol that carries a query, and its answer in this shape. */
export function needsProtocol(query: Query, shape: AnswerShape = 'rows'): number {
  const known = PROTOCOL_1[query.kind];
  if (shape !== 'rows' || known === undefined) return 2;
  for (const [field, value] of Object.entries(query))
    if (value !== undefined && !known.includes(field)) return 2;
  return 1;
}
