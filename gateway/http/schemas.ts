/** What requests hold and answers look like, for the API's description: made of the fields that the code checks. */
import { z } from 'zod';
import type { Field } from '../../shared/query/fields.ts';
import * as fields from '../../shared/query/fields.ts';
import { type BodyKind, FIELDS_OF, parametersOf, SUBJECTS_FIELDS } from '../../shared/query/paths.ts';

/** Fields that each query must have. */
const REQUIRED: Record<BodyKind, readonly string[]> = {
  snapshot: ['ids'],
  period: ['ids', 'from', 'to'],
  panel: ['ids'],
  selection_snapshot: ['ids', 'selection'],
  selection_period: ['ids', 'selection', 'from', 'to'],
};
const REQUIRED_IN_SELECTION = ['id', 'topic'];

/** The body of a query. Other keys are refused. */
export function queryBody(kind: BodyKind): z.ZodType {
  return objectOf(FIELDS_OF[kind], REQUIRED[kind]);
}

/** The parameters of a query in a URL: `selection`'s are `selection.id` …. */
export function queryParameters(kind: BodyKind): Record<string, z.ZodType> {
  const required = new Set([
    ...REQUIRED[kind],
    ...REQUIRED_IN_SELECTION.map((name) => `${fields.selection.name}.${name}`),
  ]);
  return parameters(parametersOf(FIELDS_OF[kind]), required);
}

export function subjectsParameters(): Record<string, z.ZodType> {
  return parameters(parametersOf(SUBJECTS_FIELDS), new Set());
}

/** An object of fields; those of `required` first. */
export function objectOf(
  known: readonly Field<unknown>[],
  required: readonly string[],
  more: Record<string, z.ZodType> = {},
): z.ZodObject {
  const shape: Record<string, z.ZodType> = { ...more };
  for (const field of known) {
    const type = field.inner === undefined ? field.schema : objectOf(field.inner, REQUIRED_IN_SELECTION);
    // A field that may be null, which counts as absent, would pass for an optional one.
    shape[field.name] = required.includes(field.name) ? type : type.optional();
  }
  return z.strictObject(shape).meta({ required: [...Object.keys(more), ...required] });
}

function parameters(
  known: ReadonlyMap<string, Field<unknown>>,
  required: ReadonlySet<string>,
): Record<string, z.ZodType> {
  const shape: Record<string, z.ZodType> = {};
  for (const [name, field] of known) {
    const type = parameter(field);
    shape[name] = required.has(name) ? type : type.optional();
  }
  return shape;
}

/** A list is one text, its items separated by commas. */
function parameter({ spelling, schema, expected }: Field<unknown>): z.ZodType {
  if (spelling === 'list' || spelling === 'times') return z.string().describe(expected);
  return schema;
}

export const info = z.object({
  subject: z.string(),
  name: z.string(),
  status: z.string(),
  listing_date: z.string(),
  category: z.string(),
});

const times = z.record(z.string(), z.int());
export const snapshotData = z.array(
  z.object({
    subject: info,
    data: z.record(z.string(), z.number()),
    time: times.optional().describe('with_time'),
    declared: times.optional().describe('with_declared'),
  }),
);

const item = z
  .object({
    time: z.int(),
    end_date: z.string(),
    period: z.string(),
    declare_date: z.string(),
    year: z.string(),
    combine: z.string(),
    declared: z
      .union([z.int(), times])
      .optional()
      .describe('of each value (with_declared), or of the revision (revision: all)'),
  })
  .catchall(z.number().nullable());
export const periodData = z.array(z.object({ subject: info, data: z.array(item) }));
export const datedData = z.record(z.string(), z.array(z.object({ subject: info, data: item })));
export const panelData = z.object({
  dates: z.array(z.int()),
  ids: z.array(z.string()),
  rows: z.array(z.object({ subject: z.string(), values: z.array(z.array(z.number().nullable())) })),
});

export const topicsData = z.array(z.object({ topic: z.string(), subjects: z.int() }));
export const indicatorsData = z.array(
  z.object({ indicator: z.string(), subjects: z.int(), first: z.int(), last: z.int() }),
);
export const subjectsData = z.array(
  info.extend({ topics: z.array(z.string()), tags: z.record(z.string(), z.array(z.string())) }),
);

export const tableRow = z.object({
  id: z.string(),
  data: z.record(z.string(), z.array(z.number().nullable())),
  createTime: z.string(),
  updateTime: z.int(),
});

export const batchLine = z.strictObject({
  id: z.unknown().optional(),
  path: z.enum(['snapshot', 'period', 'panel', 'selection/snapshot', 'selection/period']),
  body: z.record(z.string(), z.unknown()).optional(),
});

export const health = z.object({ status: z.literal('ok'), nodes: z.array(z.string()), count: z.int() });
export const readiness = z.object({ status: z.literal('ready'), slots: z.int() });
