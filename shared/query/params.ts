/** Queries in a URL: its parameters become the JSON that a body would be, and are read as such. */
import { badRequest, KamaitachiError } from '../base/errors.ts';
import { noSuchField } from '../base/nearest.ts';
import * as fields from './fields.ts';
import { type Field, readField } from './fields.ts';
import { type Asked, parseAsked, type QueryOf } from './parse.ts';
import { type BodyKind, FIELDS_OF, parametersOf, SUBJECTS_FIELDS } from './paths.ts';
import type { SubjectsQuery } from './query.ts';

type Parameters = ReadonlyMap<string, Field<unknown>>;

const PARAMETERS_OF = new Map<string, Parameters>(
  Object.entries(FIELDS_OF).map(([kind, known]) => [kind, parametersOf(known)]),
);
const SUBJECTS_PARAMETERS = parametersOf(SUBJECTS_FIELDS);
const NO_PARAMETERS = parametersOf([fields.method]);

/** `search`: what stands behind the `?` of a URL, as it was sent. Throws `bad_request`. */
export function parseQueryParams<Kind extends BodyKind>(kind: Kind, search: string): Asked<QueryOf[Kind]> {
  return parseAsked(kind, jsonOf(search, PARAMETERS_OF.get(kind)!));
}

/** `GET …/subjects?topic=&prefix=&after=&limit=` */
export function parseSubjectsParams(search: string): Asked<SubjectsQuery> {
  const body = jsonOf(search, SUBJECTS_PARAMETERS);
  // The one number that may be empty, as it always might.
  if (body.limit === '') body.limit = null;
  const topic = readField(body, fields.topic);
  const prefix = readField(body, fields.prefix);
  const after = readField(body, fields.after);
  const limit = readField(body, fields.catalogueLimit);
  const at = readField(body, fields.at);
  const asOf = readField(body, fields.asOf);
  for (const name of ['at', 'as_of'])
    if (topic === '' && name in body) throw badRequest(name, 'none without a topic', body[name]);
  const query: SubjectsQuery = {
    kind: 'subjects',
    topic,
    prefix,
    after,
    limit,
    ...(at !== 0 && { at }),
    ...(asOf !== 0 && { asOf }),
  };
  return { query, columns: [], format: readField(body, fields.format) };
}

/** Of a path that takes no parameters. */
export function refuseParams(search: string): void {
  jsonOf(search, NO_PARAMETERS);
}

function jsonOf(search: string, known: Parameters): Record<string, unknown> {
  refuseBrokenUtf8(search);
  const params = new URLSearchParams(search);
  const body: Record<string, unknown> = {};
  for (const key of new Set(params.keys())) {
    const field = known.get(key);
    if (field === undefined) throw noSuchField(key, known.keys());
    const value = jsonValueOf(key, field, params.getAll(key));
    const [outer, inner] = key.split('.');
    if (inner === undefined) body[key] = value;
    else body[outer] = { ...(body[outer] as object | undefined), [inner]: value };
  }
  return body;
}

const DIGITS = /^-?\d+$/;

/** What cannot be read stays text, which the field refuses. */
function jsonValueOf(key: string, { spelling, split }: Field<unknown>, texts: string[]): unknown {
  if (split !== undefined) {
    // Split one by one: parentheses do not reach from one parameter into the next.
    const items = texts.flatMap((text) => split(text));
    return spelling === 'times' ? items.map((item) => numberOf(item.trim())) : items;
  }
  const [text] = texts;
  if (texts.length > 1)
    throw new KamaitachiError('bad_request', `${key}: expected one value, got ${texts.length}`);
  switch (spelling) {
    case 'flag':
      return text === 'true' || text === 'false' ? text === 'true' : text;
    case 'number':
    case 'time':
      return numberOf(text);
    default:
      return text;
  }
}

function numberOf(text: string): number | string {
  return DIGITS.test(text) ? Number(text) : text;
}

/** Bytes that are no UTF-8 would become U+FFFD, which is another text. */
function refuseBrokenUtf8(search: string): void {
  for (const [escapes] of search.matchAll(/(?:%[0-9A-Fa-f]{2})+/g)) {
    try {
      decodeURIComponent(escapes);
    } catch {
      throw badRequest('query', 'escapes of UTF-8', escapes);
    }
  }
}
