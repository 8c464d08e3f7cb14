/**
 * The fields that a request may carry: how each is spelt in JSON (zod, from which the API's description is made too), what
 * it becomes, and what an error says was expected.
 */
import { z } from 'zod';
import { badRequest } from '../base/errors.ts';
import {
  DEFAULT_CATALOGUE_LIMIT,
  DEFAULT_LIMIT,
  MAX_AGE_DAYS,
  MAX_CATALOGUE_LIMIT,
  MAX_DELAY_DAYS,
  MAX_IDS,
  MAX_LIMIT,
  MAX_OFFSET,
  MAX_PANEL_DATES,
  MAX_STRING_BYTES,
  MAX_SUBJECTS,
  MAX_TIME,
  MIN_TIME,
} from '../base/limits.ts';
import { A_SUBJECT, AN_INDICATOR, isPlainText, isSubject } from '../base/text.ts';
import { A_TIME_TEXT, type DateMeans, parseTimeText } from '../base/time-text.ts';
import { FORMATS, type FormatName } from './format.ts';
import { splitItems } from './items.ts';
import type { Aggregate, Bucket } from './query.ts';

/** How a parameter of a URL, which is always text, becomes the field's JSON. */
export type Spelling = 'text' | 'list' | 'times' | 'number' | 'time' | 'flag' | 'object';

export interface Field<T> {
  name: string;
  spelling: Spelling;
  expected: string;
  /** Of a list: what is expected of each item, and how a text is split into items. */
  expectedItem?: string;
  split?: (text: string) => string[];
  /** Of an object: its fields. */
  inner?: readonly Field<unknown>[];
  schema: z.ZodType<T>;
}

export type JsonObject = { readonly [key: string]: unknown };

/** Reads one field of a body; a wrong one is a 400 that names it. `label`: the field's name with its place, `selection.id`. */
export function readField<T>(body: JsonObject, field: Field<T>, label = field.name): T {
  const input = body[field.name];
  const result = input === undefined ? readAbsent(field) : field.schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const { expected, expectedItem } = field;
  if (issue?.code === 'custom' && issue.params !== undefined)
    throw badRequest(label, issue.params.isItem ? expectedItem! : expected, issue.params.got);
  // All that is left to be wrong with a list.
  if (expectedItem !== undefined && Array.isArray(input))
    throw badRequest(
      label,
      expectedItem,
      input.find((item) => typeof item !== 'string'),
    );
  throw badRequest(label, expected, input);
}

/** Most fields of most requests are absent: each schema says once what that comes to. */
const absent = new Map<Field<unknown>, z.ZodSafeParseResult<unknown>>();

function readAbsent<T>(field: Field<T>): z.ZodSafeParseResult<T> {
  let result = absent.get(field);
  if (result === undefined) {
    result = field.schema.safeParse(undefined);
    absent.set(field, result);
  }
  return result as z.ZodSafeParseResult<T>;
}

const TIME_RANGE = `whole seconds since 1970 from ${MIN_TIME} to ${MAX_TIME}, or ${A_TIME_TEXT}`;
const A_TIME_IN_JSON = {
  anyOf: [{ type: 'integer', minimum: MIN_TIME, maximum: MAX_TIME }, { type: 'string' }],
};
const TEXT_OF_ZERO = 'which does not come to 0: only the number 0 means the latest';

/** Items as written, each once; `items.ts` reads them. */
export const ids = list(
  'ids',
  Infinity,
  () => true,
  `${AN_INDICATOR}, or an expression`,
  `1 to ${MAX_IDS} indicators or expressions, separated by commas or as a list`,
  splitItems,
);
export const subjects = list(
  'subjects',
  MAX_SUBJECTS,
  isSubject,
  A_SUBJECT,
  `1 to ${MAX_SUBJECTS} subjects, separated by commas or as a list`,
);
export const subjectIds = list(
  'subjectIds',
  MAX_SUBJECTS,
  isSubject,
  A_SUBJECT,
  `up to ${MAX_SUBJECTS} subjects, separated by commas or as a list`,
);

/** `''` = absent. */
export const field = text(
  'field',
  'an indicator, an expression, a name of ids, subject, name, listing_date, report_date or time',
  () => true,
);

/** Whether descending. */
export const order: Field<boolean> = {
  name: 'order',
  spelling: 'text',
  expected: 'desc, -1 or 0 for descending, asc or 1 for ascending',
  schema: z
    .union([z.literal([-1, 0, 1]), z.string()])
    .nullish()
    .transform((value, context) => {
      const word = String(value ?? '').toLowerCase();
      if (word === '' || word === 'desc' || word === '-1' || word === '0') return true;
      if (word !== 'asc' && word !== '1') context.addIssue({ code: 'custom', params: { got: value } });
      return false;
    })
    .describe('desc, -1, 0 (the default) or asc, 1; in any case'),
};

export const offset = count('offset', 0, MAX_OFFSET, 0, '0 if absent');
/** 0 = absent: a query that has a default puts it in. */
export const limit = count(
  'limit',
  0,
  MAX_LIMIT,
  0,
  `0 or absent = ${DEFAULT_LIMIT}; per subject and all of them in a period query`,
);
export const asOf = moment('as_of', 0, 'last second', {
  fallback: 0,
  isLatest: true,
  meaning: 'only what was declared by then; 0 or absent = everything known',
});
export const timestamp = moment('timestamp', MIN_TIME, 'last second', {
  fallback: 0,
  isLatest: true,
  meaning: 'the values as of this time; 0 or absent = the latest',
});
export const startTime = moment('startTime', MIN_TIME, 'first second', {
  fallback: MIN_TIME,
  meaning: '0 or absent = no bound',
});
export const endTime = moment('endTime', MIN_TIME, 'last second', {
  fallback: MAX_TIME,
  meaning: '0 or absent = no bound',
});
export const from = time('from', 'first second');
export const to = time('to', 'last second');
export const optionalFrom = optionalTime(from);
export const optionalTo = optionalTime(to);

export const withTime = flag('with_time', 'also answer the time of every value');

/** `null` = absent; there is no empty condition. */
export const where = optionalText('where', 'a condition such as eps > 1 and not roe < 0.1');
export const revision = choice(
  'revision',
  ['latest', 'first'],
  'of the revisions known the last one declared (the default), or the first',
);
export const periodRevision = choice(
  'revision',
  ['latest', 'first', 'all'],
  'of the revisions known the last one declared (the default), the first, or an item for each',
);
export const requireDeclared = flag('require_declared', 'revisions with declared 0 do not count');
export const align = flag('align', 'read all values at the latest time at which every one of ids has one');
export const maxAgeDays = optionalCount(
  'max_age_days',
  1,
  MAX_AGE_DAYS,
  'values that are older count as none; absent = any age',
);
export const withDeclared = flag('with_declared', 'also answer the declared of every value');

const BUCKETS = ['day', 'week', 'month', 'quarter', 'year'] as const satisfies Bucket[];
export const bucket = choice('bucket', BUCKETS, 'one item per bucket of UTC time');
export const agg = choice(
  'agg',
  ['last', 'first', 'min', 'max', 'sum', 'mean', 'count'] as const satisfies Aggregate[],
  'how the values of a bucket are put together; absent = last',
);

/** Ascending, each once. Empty = absent. */
export const dates: Field<number[]> = timeList(
  'dates',
  MAX_PANEL_DATES,
  `1 to ${MAX_PANEL_DATES} times, separated by commas or as a list`,
);
export const every = choice('every', BUCKETS, 'the dates are the last seconds of these in from … to');
export const calendar: Field<string | undefined> = optionalText(
  'calendar',
  `${A_SUBJECT}, whose days with values are the dates`,
  isSubject,
);
export const delayDays = count(
  'delay_days',
  0,
  MAX_DELAY_DAYS,
  0,
  'what was declared this many days before each date counts as known',
);

export const format: Field<FormatName | undefined> = choice(
  'format',
  FORMATS,
  'of the answer; absent = what the Accept header says',
);

/** Accepted and ignored. */
export const method: Field<unknown> = {
  name: 'method',
  spelling: 'text',
  expected: 'anything',
  schema: z.unknown().describe('accepted and ignored'),
};

export const prefix = text('prefix', 'the beginning of a subject', isFreeText);
/** The last subject that was seen. */
export const after = text('after', A_SUBJECT, (name) => name === '' || isSubject(name));
export const catalogueLimit = count(
  'limit',
  1,
  MAX_CATALOGUE_LIMIT,
  DEFAULT_CATALOGUE_LIMIT,
  'how many subjects',
);
export const at = moment('at', MIN_TIME, 'last second', {
  fallback: 0,
  isLatest: true,
  meaning: 'members of the topic at this time; 0 or absent = the latest',
});

export const topic = text('topic', `a topic: text of at most ${MAX_STRING_BYTES} bytes`, isFreeText);
export const requiredTopic = required(topic);
export const tagId = required(
  text('id', `the name of a tag: text of at most ${MAX_STRING_BYTES} bytes`, isFreeText),
);
export const keyword = text('keyword', `text of at most ${MAX_STRING_BYTES} bytes`, isFreeText, (word) =>
  word.toLowerCase(),
);
export const subject = text('subject', A_SUBJECT, (name) => name === '' || isSubject(name));

export const selection: Field<JsonObject> = {
  name: 'selection',
  spelling: 'object',
  expected: 'an object with id and topic',
  inner: [tagId, requiredTopic, subject, keyword],
  schema: z.record(z.string(), z.unknown()),
};

export function isFreeText(value: string): boolean {
  return isPlainText(value, MAX_STRING_BYTES);
}

/** A comma-separated string or a list of strings; blanks trimmed, empty items and repeats dropped. Empty = absent. */
function list(
  name: string,
  max: number,
  isItem: (item: string) => boolean,
  anItem: string,
  expected: string,
  split = splitAtCommas,
): Field<string[]> {
  return {
    name,
    spelling: 'list',
    expected,
    expectedItem: `every item to be ${anItem}`,
    split,
    schema: z
      .union([z.string(), z.array(z.string())])
      .nullish()
      .transform((value, context) => {
        const items = new Set<string>();
        for (const raw of typeof value === 'string' ? split(value) : (value ?? [])) {
          const item = raw.trim();
          if (item === '') continue;
          if (!isItem(item)) {
            context.addIssue({ code: 'custom', params: { got: item, isItem: true } });
            return z.NEVER;
          }
          items.add(item);
        }
        if (items.size > max) {
          context.addIssue({ code: 'custom', params: { got: Array.from(items) } });
          return z.NEVER;
        }
        return Array.from(items);
      })
      .describe(expected),
  };
}

function splitAtCommas(text: string): string[] {
  return text.split(',');
}

/** The same for times, numbers or texts; sorted. */
function timeList(name: string, max: number, expected: string): Field<number[]> {
  return {
    name,
    spelling: 'times',
    expected,
    expectedItem: `every item to be ${TIME_RANGE}`,
    split: splitAtCommas,
    // zod would look at every item of an array in turn, and 2 MB of dates took 0.4 s: it only describes them.
    schema: z
      .union([z.string(), z.array(z.unknown().meta(A_TIME_IN_JSON))])
      .nullish()
      .transform((value, context) => {
        const items = new Set<unknown>(typeof value === 'string' ? splitAtCommas(value) : value);
        const times = new Set<number>();
        for (const raw of items) {
          const item = typeof raw === 'string' ? raw.trim() : raw;
          if (item === '') continue;
          const time = timeOf(item, MIN_TIME, 'last second');
          if (time === undefined) {
            context.addIssue({ code: 'custom', params: { got: item, isItem: true } });
            return z.NEVER;
          }
          times.add(time);
          if (times.size > max) {
            context.addIssue({ code: 'custom', params: { got: Array.from(items) } });
            return z.NEVER;
          }
        }
        return Array.from(times).sort((a, b) => a - b);
      })
      .describe(expected),
  };
}

function text(
  name: string,
  expected: string,
  isRight: (value: string) => boolean,
  become: (value: string) => string = (value) => value,
): Field<string> {
  return {
    name,
    spelling: 'text',
    expected,
    schema: z
      .string()
      .nullish()
      .transform((value, context) => {
        if (!isRight(value ?? '')) context.addIssue({ code: 'custom', params: { got: value } });
        return become(value ?? '');
      })
      .describe(expected),
  };
}

/** A text that has no empty value: only null is the same as absent. */
function optionalText(
  name: string,
  expected: string,
  isRight: (value: string) => boolean = (value) => value !== '',
): Field<string | undefined> {
  return {
    name,
    spelling: 'text',
    expected,
    schema: z
      .string()
      .refine(isRight)
      .nullish()
      .transform((value) => value ?? undefined)
      .describe(expected),
  };
}

function required({ schema, ...field }: Field<string>): Field<string> {
  return { ...field, schema: schema.refine((value) => value !== '') };
}

/** One of some words. */
function choice<const Word extends string>(
  name: string,
  words: readonly Word[],
  meaning: string,
): Field<Word | undefined> {
  return {
    name,
    spelling: 'text',
    expected: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    schema: z
      .literal(words)
      .nullish()
      .transform((value) => value ?? undefined)
      .describe(meaning),
  };
}

function flag(name: string, meaning: string): Field<boolean> {
  return {
    name,
    spelling: 'flag',
    expected: 'true or false',
    schema: z
      .boolean()
      .nullish()
      .transform((value) => value ?? false)
      .describe(meaning),
  };
}

function count(name: string, min: number, max: number, fallback: number, meaning: string): Field<number> {
  const { schema, ...field } = optionalCount(name, min, max, meaning);
  return { ...field, schema: schema.transform((value) => value ?? fallback).describe(meaning) };
}

function optionalCount(name: string, min: number, max: number, meaning: string): Field<number | undefined> {
  return {
    name,
    spelling: 'number',
    expected: `a whole number from ${min} to ${max}`,
    schema: z
      .int()
      .min(min)
      .max(max)
      .nullish()
      // Adding 0 turns −0 into 0.
      .transform((value) => (value == null ? undefined : value + 0))
      .describe(meaning),
  };
}

interface MomentOptions {
  /** What absent means, and the number 0. */
  fallback: number;
  /** The fallback means the latest: a text that comes to 0 would be taken for it, and is refused. */
  isLatest?: boolean;
  meaning: string;
}

function moment(
  name: string,
  min: number,
  means: DateMeans,
  { fallback, isLatest = false, meaning }: MomentOptions,
): Field<number> {
  const range = `whole seconds since 1970 from ${min} to ${MAX_TIME}, or ${A_TIME_TEXT}`;
  return {
    name,
    spelling: 'time',
    expected: isLatest ? `${range} ${TEXT_OF_ZERO}` : range,
    schema: z
      .union([z.int().min(min).max(MAX_TIME), z.string()])
      .nullish()
      .transform((value, context) => {
        if (value == null || value === 0) return fallback;
        const time = timeOf(value, min, means);
        if (time === undefined || (isLatest && time === 0))
          context.addIssue({ code: 'custom', params: { got: value } });
        return time ?? fallback;
      })
      .describe(meaning),
  };
}

function time(name: string, means: DateMeans): Field<number> {
  return {
    name,
    spelling: 'time',
    expected: TIME_RANGE,
    schema: z
      .union([z.int().min(MIN_TIME).max(MAX_TIME), z.string()])
      .transform((value, context) => {
        const time = timeOf(value, MIN_TIME, means);
        if (time === undefined) context.addIssue({ code: 'custom', params: { got: value } });
        return time ?? 0;
      })
      .describe(`${TIME_RANGE}, inclusive; a date alone stands for its ${means}`),
  };
}

function optionalTime({ schema, ...field }: Field<number>): Field<number | undefined> {
  return { ...field, schema: schema.nullish().transform((value) => value ?? undefined) };
}

/** Seconds, given as such or as text; undefined where they are neither. */
function timeOf(value: unknown, min: number, means: DateMeans): number | undefined {
  const time = typeof value === 'string' ? parseTimeText(value, means) : value;
  // Adding 0 turns −0 into 0.
  return typeof time === 'number' && Number.isInteger(time) && time >= min && time <= MAX_TIME
    ? time + 0
    : undefined;
}
