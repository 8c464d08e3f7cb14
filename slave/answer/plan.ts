/** A query as a slave works it off: what it needs of every subject, and the name under which its rows are kept. */
import { PERIOD_COLUMN } from '../../shared/data/block.ts';
import type { DatedQuery, PeriodQuery, RowQuery, SnapshotQuery } from '../../shared/query/query.ts';
import type { Need } from '../cache/entry.ts';
import { knownAt, momentOf } from '../../shared/answer/encode.ts';

const ROW_FIELDS = new Set(['subject', 'name', 'listing_date', 'report_date']);

/** Plans whose rows can be reused; with more in use than this the oldest ones' rows are encoded anew. */
const MAX_PLANS = 4_096;
const plans = new Map<string, number>();
/** Queries are the same objects again and again. */
const planned = new WeakMap<RowQuery, number>();
let lastPlan = 0;

/**
 * Number of the plan: queries whose rows look alike share it, whatever their subjects, order and limits. A number is never
 * used again, so rows kept under one can never be taken for another's.
 */
export function planOf(query: RowQuery): number {
  let plan = planned.get(query);
  if (plan === undefined) {
    plan = planBy(planKey(query));
    planned.set(query, plan);
  }
  return plan;
}

function planBy(key: string): number {
  const known = plans.get(key);
  if (known !== undefined) return known;
  if (plans.size >= MAX_PLANS) plans.delete(plans.keys().next().value!);
  plans.set(key, ++lastPlan);
  return lastPlan;
}

export function isIndicatorField(field: string): boolean {
  return !ROW_FIELDS.has(field);
}

export function snapshotNeed({ ids, field, timestamp, asOf }: SnapshotQuery): Need {
  return { kind: 'value', columns: withField(ids, field), time: momentOf(timestamp), asOf: knownAt(asOf) };
}

export function rangeNeed(query: PeriodQuery | DatedQuery): Need {
  const columns = query.kind === 'dated' ? withField(query.ids, query.field) : query.ids;
  return { kind: 'range', columns: [...columns, PERIOD_COLUMN], from: query.from, to: query.to };
}

function planKey(query: RowQuery): string {
  switch (query.kind) {
    case 'snapshot':
      return `s ${query.ids} ${query.asOf} ${query.timestamp} ${query.withTime}`;
    case 'period':
      return `p ${query.ids} ${query.asOf} ${query.from} ${query.to} ${query.descending} ${query.limit}`;
    case 'dated':
      return `d ${query.ids} ${query.asOf}`;
  }
}

function withField(ids: readonly string[], field: string): readonly string[] {
  return isIndicatorField(field) && !ids.includes(field) ? [...ids, field] : ids;
}
