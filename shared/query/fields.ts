/**
 * The fields that a request may carry: how each is spelt in JSON (zod, from which the API's description is made too), what
 * it becomes, and what an error says was expected.
 */
import { z } from 'zod';
import { badRequest } from '../base/errors.ts';
import {
  DEFAULT_LIMIT,
  MAX_IDS,
  MAX_LIMIT,
  MAX_OFFSET,
  MAX_STRING_BYTES,
  MAX_SUBJECTS,
  MAX_TIME,
  MIN_TIME,
} from '../base/limits.ts';
import { A_SUBJECT, AN_INDICATOR, isIndicator, isPlainText, isSubject } from '../base/text.ts';

export interface Field<T> {
  name: string;
  expected: string;
  /** Of a list: what is expected of each item. */
  expectedItem?: string;
  schema: z.ZodType<T>;
}

export type JsonObject = { readonly [key: string]: unknown };

/** Reads one field of a body; a wrong one is a 400 that names it. `label`: the field's name with its place, `selection.id`. */
export function readField<T>(body: JsonObject, field: Field<T>, label = field.name): T {
  const input = body[field.name];
  const result = field.schema.safeParse(input);
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

const SORT_NAMES = new Set(['subject', 'name', 'listing_date', 'report_date']);
const TIME_RANGE = `whole seconds since 1970 from ${MIN_TIME} to ${MAX_TIME}`;

export const ids = list(
  'ids',
  MAX_IDS,
  isIndicator,
  AN_INDICATOR,
  `1 to ${MAX_IDS} indicators, separated by commas or as a list`,
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

/** `''` = absent. `time` is another word for `report_date`. */
export const field = text(
  'field',
  'an indicator, subject, name, listing_date, report_date or time',
  (name) => name === '' || name === 'time' || SORT_NAMES.has(name) || isIndicator(name),
  (name) => (name === 'time' ? 'report_date' : name),
);

/** Whether descending. */
export const order: Field<boolean> = {
  name: 'order',
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
export const asOf = count(
  'as_of',
  0,
  MAX_TIME,
  0,
  'only what was declared by then; 0 or absent = everything known',
);
export const timestamp = count(
  'timestamp',
  MIN_TIME,
  MAX_TIME,
  0,
  'the values as of this time; 0 or absent = the latest',
);
export const startTime = count('startTime', MIN_TIME, MAX_TIME, 0, '0 or absent = no bound');
export const endTime = count('endTime', MIN_TIME, MAX_TIME, 0, '0 or absent = no bound');
export const from = time('from');
export const to = time('to');

export const withTime: Field<boolean> = {
  name: 'with_time',
  expected: 'true or false',
  schema: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false)
    .describe('also answer the time of every value'),
};

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
  expected: 'an object with id and topic',
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
): Field<string[]> {
  return {
    name,
    expected,
    expectedItem: `every item to be ${anItem}`,
    schema: z
      .union([z.string(), z.array(z.string())])
      .nullish()
      .transform((value, context) => {
        const items = new Set<string>();
        for (const raw of typeof value === 'string' ? value.split(',') : (value ?? [])) {
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

function text(
  name: string,
  expected: string,
  isRight: (value: string) => boolean,
  become: (value: string) => string = (value) => value,
): Field<string> {
  return {
    name,
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

function required({ name, expected, schema }: Field<string>): Field<string> {
  return {
    name,
    expected,
    schema: schema.refine((value) => value !== ''),
  };
}

function count(name: string, min: number, max: number, fallback: number, meaning: string): Field<number> {
  return {
    name,
    expected: `a whole number from ${min} to ${max}`,
    schema: z
      .int()
      .min(min)
      .max(max)
      .nullish()
      // Adding 0 turns −0 into 0.
      .transform((value) => (value ?? fallback) + 0)
      .describe(meaning),
  };
}

function time(name: string): Field<number> {
  return {
    name,
    expected: TIME_RANGE,
    schema: z
      .int()
      .min(MIN_TIME)
      .max(MAX_TIME)
      .transform((value) => value + 0)
      .describe(`${TIME_RANGE}, inclusive`),
  };
}
