/** The lines of an ingest in zod: what the API's description shows. `ingest.ts` checks the same by hand, several times faster. */
import { z } from 'zod';
import { MAX_PERIOD_BYTES, MAX_STRING_BYTES, MAX_TIME, MIN_TIME } from '../base/limits.ts';
import { isIndicator, isPlainText, isSubject } from '../base/text.ts';
import { parseTimeText } from '../base/time-text.ts';

const subject = z.string().refine(isSubject).describe('the thing observed, such as 33:300033');
const indicator = z.string().refine(isIndicator).describe('what is observed, such as operating_income');
const text = z.string().refine((value) => isPlainText(value, MAX_STRING_BYTES));
const topic = text.min(1).describe('a pool, such as an index');
const time = timeFrom(MIN_TIME).describe('whole seconds since 1970, UTC, or a text such as 2020-12-31');
const declared = timeFrom(0).optional().describe('when this became public; 0 or absent = not known');

export const subjectLine = z
  .strictObject({
    type: z.literal('subject'),
    subject,
    name: text.optional(),
    status: text.optional(),
    listing_date: text.optional(),
    category: text.optional(),
    topics: z.array(topic).optional().describe('pools that the subject is in'),
    tags: z.record(text, z.array(text)).optional(),
  })
  .describe('what is known of a subject; fields that are absent stay as they were');

export const recordLine = z
  .strictObject({
    type: z.literal('record'),
    subject,
    time,
    declared,
    period: z
      .string()
      .refine((value) => isPlainText(value, MAX_PERIOD_BYTES))
      .optional()
      .describe('a code such as 596001'),
    values: z
      .record(indicator, z.number().nullable())
      .refine((values) => Object.keys(values).length > 0)
      .describe('null = withdrawn'),
  })
  .describe('values of a subject at a time');

export const deleteLine = z
  .strictObject({
    type: z.literal('delete'),
    subject,
    time: time.optional(),
    indicators: z.array(indicator).min(1).optional(),
  })
  .describe('without time all times, without indicators all indicators, with neither the subject whole');

export const memberLine = z
  .strictObject({
    type: z.literal('member'),
    topic,
    subject,
    from: time,
    to: time.nullable().optional().describe('the first second after it; null or absent = still a member'),
    declared,
  })
  .refine(({ from, to }) => to === undefined || to === null || seconds(to) >= seconds(from))
  .describe('the subject is in the topic from `from` on and before `to`; `to` = `from` withdraws it');

export const ingestLine = z.discriminatedUnion('type', [subjectLine, recordLine, deleteLine, memberLine]);

function timeFrom(min: number) {
  return z.union([
    z.int().min(min).max(MAX_TIME),
    z.string().refine((text) => (parseTimeText(text, 'first second') ?? -Infinity) >= min),
  ]);
}

function seconds(time: number | string): number {
  return typeof time === 'number' ? time : (parseTimeText(time, 'first second') ?? NaN);
}
