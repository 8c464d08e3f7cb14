/** The lines of an ingest in zod: what the API's description shows. `ingest.ts` checks the same by hand, several times faster. */
import { z } from 'zod';
import { MAX_PERIOD_BYTES, MAX_STRING_BYTES, MAX_TIME, MIN_TIME } from '../base/limits.ts';
import { isIndicator, isPlainText, isSubject } from '../base/text.ts';

const subject = z.string().refine(isSubject).describe('the thing observed, such as 33:300033');
const indicator = z.string().refine(isIndicator).describe('what is observed, such as operating_income');
const text = z.string().refine((value) => isPlainText(value, MAX_STRING_BYTES));
const time = z.int().min(MIN_TIME).max(MAX_TIME).describe('whole seconds since 1970, UTC');

export const subjectLine = z
  .object({
    type: z.literal('subject'),
    subject,
    name: text.optional(),
    status: text.optional(),
    listing_date: text.optional(),
    category: text.optional(),
    topics: z.array(text).optional().describe('pools that the subject is in'),
    tags: z.record(text, z.array(text)).optional(),
  })
  .describe('what is known of a subject; fields that are absent stay as they were');

export const recordLine = z
  .object({
    type: z.literal('record'),
    subject,
    time,
    declared: z
      .int()
      .min(0)
      .max(MAX_TIME)
      .optional()
      .describe('when the values became public; 0 or absent = not known'),
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
  .object({
    type: z.literal('delete'),
    subject,
    time: time.optional(),
    indicators: z.array(indicator).min(1).optional(),
  })
  .describe('without time all times, without indicators all indicators, with neither the subject whole');

export const ingestLine = z.discriminatedUnion('type', [subjectLine, recordLine, deleteLine]);
