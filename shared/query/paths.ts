/** Which fields a request to each path takes; every other key is refused by the name that it was probably meant to be. */
import { noSuchField } from '../base/nearest.ts';
import type { Field, JsonObject } from './fields.ts';
import * as fields from './fields.ts';

/** What a request asks for; said by the path that it was sent to. */
export type BodyKind = 'snapshot' | 'period' | 'panel' | 'selection_snapshot' | 'selection_period';

/** In the order in which they are read: of two wrong fields the first is named. */
const COMMON = [
  fields.ids,
  fields.field,
  fields.order,
  fields.offset,
  fields.limit,
  fields.asOf,
  fields.timestamp,
] as const;
const VALUES = [
  fields.where,
  fields.revision,
  fields.requireDeclared,
  fields.align,
  fields.maxAgeDays,
  fields.withDeclared,
] as const;
const LAST = [fields.format, fields.method] as const;

export const FIELDS_OF: Record<BodyKind, readonly Field<unknown>[]> = {
  snapshot: [...COMMON, ...VALUES, fields.subjects, fields.topic, fields.withTime, ...LAST],
  period: [
    ...COMMON,
    fields.subjects,
    fields.from,
    fields.to,
    fields.topic,
    fields.where,
    fields.periodRevision,
    fields.requireDeclared,
    fields.withDeclared,
    fields.bucket,
    fields.agg,
    ...LAST,
  ],
  panel: [
    fields.ids,
    fields.subjects,
    fields.topic,
    fields.dates,
    fields.optionalFrom,
    fields.optionalTo,
    fields.every,
    fields.calendar,
    fields.delayDays,
    fields.asOf,
    fields.where,
    fields.revision,
    fields.requireDeclared,
    fields.align,
    fields.maxAgeDays,
    ...LAST,
  ],
  selection_snapshot: [...COMMON, ...VALUES, fields.withTime, fields.selection, ...LAST],
  selection_period: [...COMMON, ...VALUES, fields.selection, fields.from, fields.to, ...LAST],
};

/** The fields of `GET …/subjects`. */
export const SUBJECTS_FIELDS: readonly Field<unknown>[] = [
  fields.topic,
  fields.prefix,
  fields.after,
  fields.catalogueLimit,
  fields.at,
  fields.asOf,
  ...LAST,
];

/** The names of some fields, as keys of a body. */
export function namesOf(known: readonly Field<unknown>[]): ReadonlySet<string> {
  return new Set(known.map(({ name }) => name));
}

/** The same as parameters of a URL, where `selection.id` is one. */
export function parametersOf(known: readonly Field<unknown>[]): Map<string, Field<unknown>> {
  const parameters = new Map<string, Field<unknown>>();
  for (const field of known) {
    if (field.inner === undefined) parameters.set(field.name, field);
    for (const inner of field.inner ?? []) parameters.set(`${field.name}.${inner.name}`, inner);
  }
  return parameters;
}

/** `place`: of the object that has the keys, such as `selection.`. */
export function refuseUnknown(body: JsonObject, known: ReadonlySet<string>, place = ''): void {
  for (const key of Object.keys(body)) if (!known.has(key)) throw noSuchField(key, known, place);
}
