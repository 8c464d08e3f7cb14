/** The second round's conformance data, as far as it is about reading a request. */
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

const badRequests = linesOf<BadRequest>('errors.ndjson');
const cases = linesOf<Case>('cases.ndjson');

/** What other parts of the program answer: the methods of a path, and lines of an ingest. */
function isReading({ path, status }: BadRequest): boolean {
  return status !== 405 && !path.endsWith('/ingest');
}

describe('bad requests', () => {
  it('are nearly all about reading a request', () => {
    const others = badRequests.filter((bad) => !isReading(bad) && bad.status !== 400);
    expect(others.map(({ name }) => name)).toEqual(['GET batch', 'PUT panel']);
    expect(badRequests.filter(isReading).length).toBeGreaterThan(250);
  });

  it.each(badRequests.filter(isReading))('are refused by name: $name', (bad) => {
    const error = errorOf(() => read(bad.path, bad.method, bad.body ?? '', bad.headers.accept));
    expect(error.status).toBe(bad.status);
    for (const says of [bad.says ?? []].flat()) expect(error.message).toContain(says);
  });
});

describe('cases', () => {
  it.each(cases.filter(({ lines }) => lines === undefined))('are read: $name', (given) => {
    const { endpoint, method, query = '', accept, body } = given;
    const asked = readAs(endpoint, method ?? 'POST', method === 'GET' ? query : JSON.stringify(body));
    expect(chooseFormat(asked?.format, accept ?? null)).toBe(given.format ?? 'json');
    if (method === 'GET' || body === undefined || KIND_OF[endpoint] === undefined) return;
    for (const search of [searchOf(body, 'commas'), searchOf(body, 'repeated')])
      expect(parseQueryParams(KIND_OF[endpoint], search), search).toEqual(asked);
  });

  it.each(cases.filter(({ lines }) => lines !== undefined))('are read as a batch: $name', ({ lines }) => {
    const texts = lines!.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
    const ids = texts.filter((text) => text.trim() !== '').map((text) => JSON.parse(text).id ?? null);
    expect(parseBatch(texts.join('\n')).map(({ id }) => id)).toEqual(ids);
  });
});

function linesOf<Line>(file: string): Line[] {
  const text = readFileSync(new URL(`../../test/conformance/round2/${file}`, import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function read(path: string, method: string, body: string, accept: string | undefined): void {
  const [, selection, name, search = ''] = PATH.exec(path)!;
  const asked = readAs(
    selection === undefined ? name : `selection/${name}`,
    method,
    method === 'GET' ? search : body,
  );
  chooseFormat(asked?.format, accept ?? null);
}

/** `text`: the parameters of a GET, the body of a POST. */
function readAs(endpoint: string, method: string, text: string): Asked<unknown> | undefined {
  const kind = KIND_OF[endpoint];
  if (kind !== undefined)
    return method === 'GET' ? parseQueryParams(kind, text) : parseAsked(kind, parseObject(text));
  if (endpoint === 'batch') parseBatch(text);
  else if (endpoint === 'subjects') return parseSubjectsParams(text);
  else if (endpoint.endsWith('/search')) parseSearch(text, createTables());
  else refuseParams(text);
  return undefined;
}

function errorOf(run: () => unknown): KamaitachiError {
  try {
    run();
  } catch (error) {
    if (error instanceof KamaitachiError) return error;
    throw error;
  }
  throw new Error('expected an error');
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
