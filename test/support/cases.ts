/** The conformance data: a data set, queries with their exact answers, and bad requests. */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { type Answer, call, inParallel, post } from './cluster.ts';

const FOLDER = new URL('../conformance/', import.meta.url);
const QUERIES_AT_ONCE = 8;

export interface Case {
  name: string;
  endpoint: string;
  body?: unknown;
  data: unknown;
  /** Absent = POST. */
  method?: 'GET';
  /** Of a GET, as it stands behind the `?`. */
  query?: string;
  /** The `Accept` header. */
  accept?: string;
  /** What the answer is written in; absent = JSON in the envelope. */
  format?: string;
  /** The lines of a batch. */
  lines?: unknown[];
}

export interface BadRequest {
  name: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  pad_body_to?: number;
  status: number;
  says?: string;
}

export interface CaseSet {
  name: string;
  dataset: string;
  cases: Case[];
}

export const CASE_SETS: CaseSet[] = ['', 'more/', 'round2/'].map((folder) => ({
  name: folder === '' ? 'main' : folder.slice(0, -1),
  dataset: read(`${folder}dataset.ndjson`),
  cases: lines<Case>(`${folder}cases.ndjson`).filter(isAsked),
}));

/** Posted bodies and answers in JSON. */
function isAsked({ method, format, lines }: Case): boolean {
  return method === undefined && format === undefined && lines === undefined;
}

export const BAD_REQUESTS = lines<BadRequest>('errors.ndjson');

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
  { name, endpoint, body, data }: Case,
  headers: Record<string, string> = {},
): Promise<string | undefined> {
  const answer = await post(gatewayUrl + pathOf(endpoint), body, headers).catch((error) => String(error));
  const said = `${name} ${JSON.stringify(body).slice(0, 300)}`;
  if (typeof answer === 'string') return `${said}: ${answer}`;
  if (answer.status !== 200) return `${said}: ${answer.status} ${answer.body.status_msg}`;
  const difference = firstDifference(data, answer.body.data, 'data');
  return difference && `${said}: ${difference}`;
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

/** Where two values differ first, as `data[3].eps: expected 5, got 6`; undefined where they do not. */
export function firstDifference(expected: unknown, got: unknown, path: string): string | undefined {
  if (isDeepStrictEqual(expected, got)) return undefined;
  if (Array.isArray(expected) && Array.isArray(got)) {
    for (let i = 0; i < Math.min(expected.length, got.length); i++) {
      const difference = firstDifference(expected[i], got[i], `${path}[${i}]`);
      if (difference !== undefined) return difference;
    }
    return `${path}: expected ${expected.length} items, got ${got.length}`;
  }
  if (isObject(expected) && isObject(got)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(got)])) {
      const difference = firstDifference(expected[key], got[key], `${path}.${key}`);
      if (difference !== undefined) return difference;
    }
  }
  return `${path}: expected ${JSON.stringify(expected)?.slice(0, 200)}, got ${JSON.stringify(got)?.slice(0, 200)}`;
}

/** A valid snapshot, made as long as asked for by a key that nobody knows. */
function paddedBody(bytes: number): string {
  const body = (padding: string) => JSON.stringify({ ids: 'eps', subjects: '33:00000009', padding });
  return body('x'.repeat(bytes - body('').length));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
