/** The conformance data of both rounds, as far as it is about reading a request. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KamaitachiError } from '../base/errors.ts';
import { parseBatch } from './batch.ts';
import type { JsonObject } from './fields.ts';
import { chooseFormat, type FormatName } from './format.ts';
import { parseQueryParams, parseSubjectsParams, refuseParams } from './params.ts';
import { type Asked, type BodyKind, parseAsked, parseObject, parseSearch } from './parse.ts';
import { createTables } from './tables.ts';

interface BadRequest {
  name: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  status: number;
  says?: string | string[];
}

interface Case {
  name: string;
  endpoint: string;
  method?: string;
  query?: string;
  accept?: string;
  format?: FormatName;
  body?: JsonObject;
  /** Texts stand as they are sent. */
  lines?: (JsonObject | string)[];
}

const KIND_OF: Record<string, BodyKind> = {
  snapshot: 'snapshot',
  period: 'period',
  panel: 'panel',
  'selection/snapshot': 'selection_snapshot',
  'selection/period': 'selection_period',
};
const PATH = /^\/kamaitachi\/api\/(?:data\/v1|(selection)\/v1)\/(\w+)(?:\?(.*))?$/;
/** Errors that reading makes; the others are about paths, methods and sizes. */
const READING = new Set([400, 406]);

describe.each([
  ['first', '', 30],
  ['second', 'round2/', 280],
])('bad requests of the %s round', (_, folder, atLeast) => {
  // Ingests are read by other code, and so are rows to save.
  const bad = linesOf<BadRequest>(`${folder}errors.ndjson`).filter(
    ({ status, path }) => READING.has(status) && !path.endsWith('/ingest') && !path.includes('/save?'),
  );

  it('are refused, and the message says what is wrong', () => {
    expect(bad.length).toBeGreaterThan(atLeast);
    const wrong: string[] = [];
    for (const { name, status, method, path, body = '', headers, says = [] } of bad) {
      const error = errorOf(() => read(path, method, body, headers.accept));
      const isNamed = [says].flat().every((word) => error?.message.includes(word));
      if (error?.status !== status || !isNamed) wrong.push(`${name}: ${error?.status} ${error?.message}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe.each(['', 'more/', 'round2/'])('cases of %j', (folder) => {
  const cases = linesOf<Case>(`${folder}cases.ndjson`);

  it('are read, and their format is the one that comes back', () => {
    const wrong = cases.filter((given) => {
      const { endpoint, method = 'POST', query = '', accept = null, body, lines } = given;
      const text = lines === undefined ? JSON.stringify(body) : textOf(lines);
      const asked = readAs(endpoint, method, method === 'GET' ? query : text);
      return chooseFormat(asked?.format, accept) !== (given.format ?? 'json');
    });
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('mean the same in a URL', () => {
    let compared = 0;
    for (const { endpoint, body } of cases) {
      const kind = KIND_OF[endpoint];
      if (kind === undefined || body === undefined) continue;
      for (const search of [searchOf(body, 'commas'), searchOf(body, 'repeated')])
        expect(parseQueryParams(kind, search), search).toEqual(parseAsked(kind, body));
      compared++;
    }
    expect(compared).toBeGreaterThan(cases.length / 2);
  });
});

function linesOf<Line>(file: string): Line[] {
  const text = readFileSync(new URL(`../../test/conformance/${file}`, import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function textOf(lines: (JsonObject | string)[]): string {
  return lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
}

function read(path: string, method: string, body: string, accept: string | undefined): void {
  const [, selection, name, search = ''] = PATH.exec(path) ?? [path, undefined, path];
  const endpoint = selection === undefined ? name : `selection/${name}`;
  const asked = readAs(endpoint, method, method === 'GET' ? search : body);
  chooseFormat(asked?.format, accept ?? null);
}

/** `text`: the parameters of a GET, the body of a POST. */
function readAs(endpoint: string, method: string, text: string): Asked<unknown> | undefined {
  const kind = KIND_OF[endpoint];
  if (kind !== undefined)
    return method === 'GET' ? parseQueryParams(kind, text) : parseAsked(kind, parseObject(text));
  if (endpoint === 'subjects') return parseSubjectsParams(text);
  if (endpoint === 'batch') parseBatch(text);
  else if (endpoint.endsWith('/search')) parseSearch(text, createTables());
  else if (method === 'GET') refuseParams(text);
  else throw new Error(`nothing reads ${endpoint}`);
  return undefined;
}

function errorOf(run: () => unknown): KamaitachiError | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof KamaitachiError) return error;
    throw error;
  }
  return undefined;
}

/** A body as parameters of a URL. */
function searchOf(body: JsonObject, lists: 'commas' | 'repeated'): string {
  const params = new URLSearchParams();
  const add = (name: string, value: unknown): void => {
    if (value === null) return;
    if (Array.isArray(value)) {
      if (lists === 'commas') params.set(name, value.join(','));
      else for (const item of value) params.append(name, String(item));
    } else if (typeof value === 'object')
      for (const [inner, of] of Object.entries(value as JsonObject)) add(`${name}.${inner}`, of);
    else params.set(name, String(value));
  };
  for (const [name, value] of Object.entries(body)) add(name, value);
  return params.toString();
}
