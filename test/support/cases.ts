/** The conformance data: a data set, queries with their exact answers, and bad requests. */
import { readFileSync } from 'node:fs';
import { difference, type Expected } from './answers.ts';
import { ALWAYS_SENT, type Answer, call, inParallel } from './cluster.ts';

const FOLDER = new URL('../conformance/', import.meta.url);
const QUERIES_AT_ONCE = 8;

export interface Case extends Expected {
  name: string;
  endpoint: string;
  body?: unknown;
  /** Absent = POST. */
  method?: 'GET';
  /** Of a GET, as it stands behind the `?`. */
  query?: string;
  /** The `Accept` header. */
  accept?: string;
}

export interface BadRequest {
  name: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  pad_body_to?: number;
  status: number;
  says?: string | string[];
}

export interface CaseSet {
  name: string;
  dataset: string;
  cases: Case[];
}

export const CASE_SETS: CaseSet[] = ['', 'more/', 'round2/'].map((folder) => ({
  name: folder === '' ? 'main' : folder.slice(0, -1),
  dataset: read(`${folder}dataset.ndjson`),
  cases: lines<Case>(`${folder}cases.ndjson`),
}));

export const BAD_REQUESTS: Record<string, BadRequest[]> = {
  main: lines('errors.ndjson'),
  round2: lines('round2/errors.ndjson'),
};

/** Asks every case; resolves with one readable line for each wrong answer. */
export async function wrongAnswers(
  gatewayUrl: string,
  cases: readonly Case[],
  headers: Record<string, string> = {},
): Promise<string[]> {
  const wrong: string[] = [];
  await inParallel(cases, QUERIES_AT_ONCE, async (one) => {
    const difference = await ask(gatewayUrl, one, headers);
    if (difference !== undefined) wrong.push(difference);
  });
  return wrong;
}

/** What is wrong with the answer to one case, in a line; undefined where nothing is. */
export async function ask(
  gatewayUrl: string,
  one: Case,
  headers: Record<string, string> = {},
): Promise<string | undefined> {
  const said = `${one.name} ${(one.query ?? JSON.stringify(one.body ?? one.lines)).slice(0, 300)}`;
  try {
    const wrong = await difference(await request(gatewayUrl, one, headers), one);
    return wrong && `${said}: ${wrong}`;
  } catch (error) {
    return `${said}: ${error}`;
  }
}

const REQUEST_MS = 60_000;

function request(
  gatewayUrl: string,
  { endpoint, body, method, query, accept, lines }: Case,
  more: Record<string, string>,
): Promise<Response> {
  const headers: Record<string, string> = { ...ALWAYS_SENT, ...more };
  if (accept !== undefined) headers.accept = accept;
  const signal = AbortSignal.timeout(REQUEST_MS);
  const url = gatewayUrl + pathOf(endpoint);
  if (method === 'GET') return fetch(query === undefined ? url : `${url}?${query}`, { headers, signal });
  headers['content-type'] = lines === undefined ? 'application/json' : 'application/x-ndjson';
  const sent =
    lines?.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('') ??
    JSON.stringify(body);
  return fetch(url, { method: 'POST', headers, body: sent, signal });
}

function pathOf(endpoint: string): string {
  if (endpoint.startsWith('/')) return endpoint;
  const room = endpoint.startsWith('selection/') ? endpoint.replace('/', '/v1/') : `data/v1/${endpoint}`;
  return `/kamaitachi/api/${room}`;
}

export function send(
  gatewayUrl: string,
  { method, path, headers, body, pad_body_to }: BadRequest,
): Promise<Answer> {
  const sent = pad_body_to === undefined ? body : paddedBody(pad_body_to);
  return call(gatewayUrl + path, { method, headers, body: sent === '' ? undefined : sent });
}

/** A valid snapshot, made as long as asked for by a key that nobody knows. */
function paddedBody(bytes: number): string {
  const body = (padding: string) => JSON.stringify({ ids: 'eps', subjects: '33:00000009', padding });
  return body('x'.repeat(bytes - body('').length));
}

function lines<Item>(file: string): Item[] {
  return read(file)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Item);
}

function read(file: string): string {
  return readFileSync(new URL(file, FOLDER), 'utf8');
}
