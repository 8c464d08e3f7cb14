/** Many queries in one body: NDJSON of `{"id", "path", "body"}`. */
import { badRequest, KamaitachiError } from '../base/errors.ts';
import { MAX_BATCH_LINES } from '../base/limits.ts';
import type { JsonObject } from './fields.ts';
import { type Asked, parseAsked, type QueryOf } from './parse.ts';
import { type BodyKind, refuseUnknown } from './paths.ts';

/** A line with its query, or with what is wrong with that query: it spoils no other line. */
export type BatchLine = { id: unknown; kind: BodyKind } & (
  | { asked: Asked<QueryOf[BodyKind]> }
  | { error: KamaitachiError }
);

const KIND_OF = new Map<unknown, BodyKind>([
  ['snapshot', 'snapshot'],
  ['period', 'period'],
  ['panel', 'panel'],
  ['selection/snapshot', 'selection_snapshot'],
  ['selection/period', 'selection_period'],
]);
const KEYS: ReadonlySet<string> = new Set(['id', 'path', 'body']);
const BLANK = /^[ \t\r]*$/;

/** The lines of a batch, in order, at least one; blank ones are skipped. Throws `bad_request` for a line that is no query at all. */
export function parseBatch(text: string): BatchLine[] {
  const lines: Line[] = [];
  // Not split('\n'): a body of nothing but line ends would become millions of strings.
  for (let number = 1, at = 0; at < text.length; number++) {
    const found = text.indexOf('\n', at);
    const end = found < 0 ? text.length : found;
    const line = text.slice(at, end);
    at = end + 1;
    if (BLANK.test(line)) continue;
    if (lines.length === MAX_BATCH_LINES)
      throw new KamaitachiError('bad_request', `body: expected at most ${MAX_BATCH_LINES} lines, got more`);
    lines.push(readLine(line, number));
  }
  if (lines.length === 0)
    throw new KamaitachiError('bad_request', 'body: expected at least one line, got none');
  return lines.map(({ id, kind, body }) => ({ id, kind, ...readQuery(kind, body) }));
}

interface Line {
  id: unknown;
  kind: BodyKind;
  body: JsonObject;
}

function readLine(text: string, number: number): Line {
  try {
    return checkLine(text);
  } catch (error) {
    if (!(error instanceof KamaitachiError)) throw error;
    throw new KamaitachiError(error.code, `line ${number}: ${error.message}`);
  }
}

function checkLine(text: string): Line {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    throw badRequest('line', 'JSON', text);
  }
  if (!isObject(line)) throw badRequest('line', 'an object with id, path and body', line);
  refuseUnknown(line, KEYS);
  const kind = KIND_OF.get(line.path);
  if (kind === undefined) throw badRequest('path', [...KIND_OF.keys()].join(', '), line.path);
  const body = line.body ?? {};
  if (!isObject(body)) throw badRequest('body', 'an object', body);
  return { id: line.id ?? null, kind, body };
}

function readQuery(kind: BodyKind, body: JsonObject) {
  try {
    const asked = parseAsked(kind, body);
    if (asked.format !== undefined && asked.format !== 'json')
      throw badRequest('format', 'json in a batch', asked.format);
    return { asked };
  } catch (error) {
    if (error instanceof KamaitachiError) return { error };
    throw error;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
