/** What every HTTP face of the product has in common: the envelope, errors as answers, and the headers that we give a meaning. */
import { badRequest, KamaitachiError } from '../base/errors.ts';
import { DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS } from '../base/limits.ts';
import { asciiJson } from '../base/text.ts';

export const REQUEST_ID = 'x-request-id';
export const SEQ = 'x-kamaitachi-seq';
export const MIN_SEQ = 'x-kamaitachi-min-seq';
export const STALE = 'x-kamaitachi-stale';
export const TIMEOUT = 'x-kamaitachi-timeout-ms';
/** Inside the cluster: the id of the API key that a write came with. */
export const CLIENT = 'x-kamaitachi-client';
export const JSON_TYPE = 'application/json';

const REQUEST_ID_PATTERN = /^[\x21-\x7e]{1,128}$/;
const processMark = crypto.randomUUID().slice(0, 8);
let requests = 0;

/** The body of a success. `data`: JSON text, put in as it is. */
export function successBody(data: string): string {
  return `{"status_code":0,"status_msg":"success","data":${data}}`;
}

export function errorBody({ status, message }: KamaitachiError): string {
  return `{"status_code":${status},"status_msg":${asciiJson(message)},"data":null}`;
}

/** The envelope of the table API: KamaitachiGo's and ours at once. */
export function tableSuccessBody(data: string): string {
  return `{"code":200,"message":"success","status_code":0,"status_msg":"success","data":${data}}`;
}

export function tableErrorBody({ status, message }: KamaitachiError): string {
  const text = asciiJson(message);
  return `{"code":${status},"message":${text},"status_code":${status},"status_msg":${text},"data":null}`;
}

/** Anything thrown as an error that a client may see. A bug tells nothing of what is inside. */
export function publicError(thrown: unknown): KamaitachiError {
  return thrown instanceof KamaitachiError
    ? thrown
    : new KamaitachiError('internal', 'internal error: it has been logged with the request id');
}

/** Headers of an error's answer. */
export function errorHeaders(error: KamaitachiError): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': JSON_TYPE };
  if (error.code === 'unauthorized') headers['www-authenticate'] = 'Bearer';
  if (error.retryAfterSeconds !== undefined) headers['retry-after'] = String(error.retryAfterSeconds);
  return headers;
}

/** The state that a read must have reached at least; absent = 0, whatever there is. */
export function parseMinSeq(value: string | null | undefined): number {
  if (value === null || value === undefined || value === '') return 0;
  const seq = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(seq)) throw badRequest(MIN_SEQ, 'a whole number', value);
  return seq;
}

/** How long a request may take, in milliseconds. More than the most there is becomes that. */
export function parseTimeoutMs(value: string | null | undefined): number {
  if (value === null || value === undefined || value === '') return DEFAULT_TIMEOUT_MS;
  if (!/^\d{1,16}$/.test(value) || Number(value) < 1)
    throw badRequest(
      TIMEOUT,
      `a whole number from 1 on (over ${MAX_TIMEOUT_MS} counts as ${MAX_TIMEOUT_MS})`,
      value,
    );
  return Math.min(Number(value), MAX_TIMEOUT_MS);
}

/** The client's request id where it sent a usable one, else a new one. */
export function requestIdOf(value: string | null | undefined): string {
  if (value !== null && value !== undefined && REQUEST_ID_PATTERN.test(value)) return value;
  requests++;
  return `${processMark}-${requests.toString(36)}`;
}
