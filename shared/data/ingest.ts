/**
 * The body of an ingest, checked whole before anything of it is stored: NDJSON, or a JSON array. The first thing that is
 * wrong is named as `line 3: time: expected …, got …`. Written by hand for speed; `ingest-schema.ts` says the same in zod.
 */
import { badRequest, KamaitachiError } from '../base/errors.ts';
import { MAX_PERIOD_BYTES, MAX_STRING_BYTES, MAX_SUBJECT_BYTES, MAX_TIME, MIN_TIME } from '../base/limits.ts';
import { noSuchField } from '../base/nearest.ts';
import { decodeUtf8, isIndicator, isPlainText, isSubject } from '../base/text.ts';
import { A_TIME_TEXT, parseTimeText } from '../base/time-text.ts';
import type { DeleteLine, IngestLine, MemberLine, RecordLine, SubjectLine } from './lines.ts';

export type IngestKind = 'ndjson' | 'json';

export interface CheckedLine {
  line: IngestLine;
  /** The line as it goes into the log: NDJSON as it came, unless it has times as text; those are seconds in the log. */
  text: string;
}

const KINDS: Record<string, IngestKind> = {
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/json': 'json',
};

/** How a body of this media type is read; undefined = it is neither NDJSON nor JSON in UTF-8. */
export function ingestKind(contentType: string | null | undefined): IngestKind | undefined {
  const [type, ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith('charset='));
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) return undefined;
  return Object.hasOwn(KINDS, type.trim()) ? KINDS[type.trim()] : undefined;
}

/** The lines of a body, in order, at least one. Throws `bad_request`. */
export function parseIngestBody(body: Uint8Array, kind: IngestKind): CheckedLine[] {
  const text = decodeUtf8(body);
  const lines = kind === 'ndjson' ? parseNdjson(text) : parseArray(text);
  if (lines.length === 0)
    throw new KamaitachiError('bad_request', 'body: expected at least one line, got none');
  return lines;
}

/** A parsed line, checked; times as text become seconds in it. Throws `bad_request`. */
export function checkLine(value: unknown): IngestLine {
  if (!isObject(value)) throw badRequest('line', 'an object', value);
  switch (value.type) {
    case 'record':
      return checkRecord(value);
    case 'subject':
      return checkSubject(value);
    case 'delete':
      return checkDelete(value);
    case 'member':
      return checkMember(value);
    default:
      throw badRequest('type', '"subject", "record", "delete" or "member"', value.type);
  }
}

type Fields = Record<string, unknown>;

/** What each kind of line may say. */
const FIELDS_OF = {
  subject: new Set(['type', 'subject', 'name', 'status', 'listing_date', 'category', 'topics', 'tags']),
  record: new Set(['type', 'subject', 'time', 'declared', 'period', 'values']),
  delete: new Set(['type', 'subject', 'time', 'indicators']),
  member: new Set(['type', 'topic', 'subject', 'from', 'to', 'declared']),
};

function parseNdjson(text: string): CheckedLine[] {
  const lines: CheckedLine[] = [];
  // Not split('\n'): a body of nothing but line ends would become millions of strings.
  for (let number = 1, at = 0; at < text.length; number++) {
    const found = text.indexOf('\n', at);
    const end = found < 0 ? text.length : found;
    const line = text.slice(at, text.charCodeAt(end - 1) === 13 && end > at ? end - 1 : end);
    at = end + 1;
    if (isBlank(line)) continue;
    lines.push(atLine(number, () => checkText(line)));
  }
  return lines;
}

function checkText(text: string): CheckedLine {
  const value = parseJson(text);
  const isLoggedAnew = isObject(value) && hasTimeText(value);
  const line = checkLine(value);
  return { line, text: isLoggedAnew ? JSON.stringify(line) : text };
}

function hasTimeText({ time, declared, from, to }: Fields): boolean {
  return (
    typeof time === 'string' ||
    typeof declared === 'string' ||
    typeof from === 'string' ||
    typeof to === 'string'
  );
}

function parseArray(text: string): CheckedLine[] {
  const items = parseJson(text, 'body');
  if (!Array.isArray(items)) throw badRequest('body', 'an array of lines', items);
  return items.map((item, i) => {
    const line = atLine(i + 1, () => checkLine(item));
    return { line, text: JSON.stringify(line) };
  });
}

function atLine<T>(number: number, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof KamaitachiError)) throw error;
    throw new KamaitachiError(error.code, `line ${number}: ${error.message}`);
  }
}

function parseJson(text: string, what = 'line'): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest(what, 'JSON', text);
  }
}

/** What JSON takes for white space; anything else, `trim` would take more, is a line. */
function isBlank(line: string): boolean {
  for (let i = 0; i < line.length; i++) {
    const unit = line.charCodeAt(i);
    if (unit !== 32 && unit !== 9 && unit !== 13) return false;
  }
  return true;
}

function checkRecord(fields: Fields): RecordLine {
  checkFields(fields, FIELDS_OF.record);
  checkSubjectName(fields.subject);
  takeTime(fields, 'time', MIN_TIME);
  if (fields.declared !== undefined) takeTime(fields, 'declared', 0);
  const { period, values } = fields;
  if (period !== undefined && !(typeof period === 'string' && isPlainText(period, MAX_PERIOD_BYTES)))
    throw badRequest('period', textOf(MAX_PERIOD_BYTES), period);
  if (!isObject(values)) throw badRequest('values', 'an object of at least one indicator', values);
  let some = false;
  for (const name in values) {
    some = true;
    checkIndicator('values', name);
    const value = values[name];
    if (value !== null && !(typeof value === 'number' && Number.isFinite(value)))
      throw badRequest(`values.${name}`, 'a finite number or null', value);
  }
  if (!some) throw badRequest('values', 'at least one indicator', values);
  return fields as unknown as RecordLine;
}

function checkSubject(fields: Fields): SubjectLine {
  checkFields(fields, FIELDS_OF.subject);
  checkSubjectName(fields.subject);
  for (const field of ['name', 'status', 'listing_date', 'category']) {
    const text = fields[field];
    if (text !== undefined && !isText(text)) throw badRequest(field, textOf(MAX_STRING_BYTES), text);
  }
  if (fields.topics !== undefined) checkTopics(fields.topics);
  if (fields.tags !== undefined) checkTags(fields.tags);
  return fields as unknown as SubjectLine;
}

function checkTags(tags: unknown): void {
  if (!isObject(tags)) throw badRequest('tags', 'an object of lists', tags);
  for (const name of Object.keys(tags)) {
    if (!isText(name)) throw badRequest('tags', `names that are ${textOf(MAX_STRING_BYTES)}`, name);
    checkTexts(`tags.${name}`, tags[name]);
  }
}

function checkDelete(fields: Fields): DeleteLine {
  checkFields(fields, FIELDS_OF.delete);
  checkSubjectName(fields.subject);
  const { time, indicators } = fields;
  if (time !== undefined) takeTime(fields, 'time', MIN_TIME);
  if (indicators === undefined) return fields as unknown as DeleteLine;
  if (!Array.isArray(indicators) || indicators.length === 0)
    throw badRequest('indicators', 'a list of at least one indicator', indicators);
  for (const name of indicators) checkIndicator('indicators', name);
  return fields as unknown as DeleteLine;
}

function checkMember(fields: Fields): MemberLine {
  checkFields(fields, FIELDS_OF.member);
  if (!isTopic(fields.topic)) throw badRequest('topic', A_TOPIC, fields.topic);
  checkSubjectName(fields.subject);
  const from = takeTime(fields, 'from', MIN_TIME);
  const { to } = fields;
  if (to !== undefined && to !== null && takeTime(fields, 'to', MIN_TIME) < from)
    throw badRequest('to', `a time not before from (${from}), or null`, to);
  if (fields.declared !== undefined) takeTime(fields, 'declared', 0);
  return fields as unknown as MemberLine;
}

/** A misspelt `declared` that is ignored would be known from the beginning of time. */
function checkFields(fields: Fields, known: ReadonlySet<string>): void {
  for (const name in fields) if (!known.has(name)) throw noSuchField(name, known);
}

function checkSubjectName(subject: unknown): void {
  if (typeof subject !== 'string' || !isSubject(subject))
    throw badRequest(
      'subject',
      `1 to ${MAX_SUBJECT_BYTES} bytes without comma, control characters or blanks at the ends`,
      subject,
    );
}

/** The seconds of a field that says when; a text in it becomes seconds. */
function takeTime(fields: Fields, field: 'time' | 'declared' | 'from' | 'to', min: number): number {
  const time = fields[field];
  const seconds = typeof time === 'string' ? parseTimeText(time, 'first second') : time;
  if (!isWhole(seconds, min, MAX_TIME))
    throw badRequest(field, `whole seconds from ${min} to ${MAX_TIME} or ${A_TIME_TEXT}`, time);
  fields[field] = seconds;
  return seconds;
}

/** Names that passed before: a body says the same twenty names on every line. */
const passed = new Set<string>();
const MAX_PASSED = 10_000;

function checkIndicator(field: string, name: unknown): void {
  if (passed.has(name as string)) return;
  if (typeof name !== 'string' || !isIndicator(name))
    throw badRequest(field, 'indicators like eps or stock_data.open, none of the reserved names', name);
  if (passed.size >= MAX_PASSED) passed.clear();
  passed.add(name);
}

function checkTopics(topics: unknown): void {
  if (!Array.isArray(topics)) throw badRequest('topics', 'a list of strings', topics);
  for (const topic of topics)
    if (!isTopic(topic)) throw badRequest('topics', `strings that are ${A_TOPIC}`, topic);
}

function checkTexts(field: string, list: unknown): void {
  if (!Array.isArray(list)) throw badRequest(field, 'a list of strings', list);
  for (const text of list)
    if (!isText(text)) throw badRequest(field, `strings that are ${textOf(MAX_STRING_BYTES)}`, text);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && isPlainText(value, MAX_STRING_BYTES);
}

function isTopic(value: unknown): value is string {
  return isText(value) && value !== '';
}

function isWhole(value: unknown, from: number, to: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to;
}

const A_TOPIC = `text of 1 to ${MAX_STRING_BYTES} bytes without control characters`;

function textOf(maxBytes: number): string {
  return `text of at most ${maxBytes} bytes without control characters`;
}
