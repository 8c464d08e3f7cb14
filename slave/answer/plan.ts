/** A query as a slave works it off: what it needs of every subject, and the name under which its rows are kept. */
import { knownAt, momentOf } from '../../shared/answer/encode.ts';
import { isIndicatorField, isValued, programOf } from '../../shared/answer/program.ts';
import { MIN_TIME } from '../../shared/base/limits.ts';
import { PERIOD_COLUMN } from '../../shared/data/block.ts';
import type {
  DatedQuery,
  PanelQuery,
  PeriodQuery,
  RowQuery,
  SnapshotQuery,
} from '../../shared/query/query.ts';
import type { Need } from '../cache/entry.ts';

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

export function snapshotNeed(query: SnapshotQuery): Need {
  const { ids, field, asOf } = query;
  const time = momentOf(query.timestamp);
  if (!isValued(query)) return { kind: 'value', columns: withField(ids, field), time, asOf: knownAt(asOf) };
  const { indicators, isSimple } = programOf(query);
  if (isSimple) return { kind: 'value', columns: indicators, time, asOf: knownAt(asOf) };
  return { kind: 'range', columns: indicators, from: MIN_TIME, to: time };
}

export function rangeNeed(query: PeriodQuery | DatedQuery): Need & { kind: 'range' } {
  const { ids, from, to } = query;
  if (!isValued(query)) {
    const columns = query.kind === 'dated' ? withField(ids, query.field) : ids;
    return { kind: 'range', columns: [...columns, PERIOD_COLUMN], from, to };
  }
  const { indicators, readsBefore } = programOf(query);
  return { kind: 'range', columns: [...indicators, PERIOD_COLUMN], from: readsBefore ? MIN_TIME : from, to };
}

/** A panel's values may be of any time before its last date. */
export function panelNeed(query: PanelQuery, dates: readonly number[]): Need {
  const { indicators } = programOf(query);
  return { kind: 'range', columns: indicators, from: MIN_TIME, to: dates[dates.length - 1] ?? MIN_TIME };
}

/** Number under which the steps of an expression are kept. */
export function stepsPlan(key: string): number {
  return planBy(`steps ${key}`);
}

function planKey(query: RowQuery): string {
  if (isValued(query)) {
    const { kind } = query;
    return `v ${JSON.stringify({ ...query, ...(kind === 'period' ? NOT_IN_RANGES : NOT_IN_ROWS) })}`;
  }
  switch (query.kind) {
    case 'snapshot':
      return `s ${query.ids} ${query.asOf} ${query.timestamp} ${query.withTime}`;
    case 'period':
      return `p ${query.ids} ${query.asOf} ${query.from} ${query.to} ${query.descending} ${query.limit}`;
    case 'dated':
      return `d ${query.ids} ${query.asOf}`;
  }
}

/** Fields that rows do not show. A row of a topic's range shows when its subject is a member. */
const NOT_IN_RANGES = { subjects: undefined };
const NOT_IN_ROWS = { pool: undefined, descending: undefined, offset: undefined, limit: undefined };

function withField(ids: readonly string[], field: string): readonly string[] {
  return isIndicatorField(field) && !ids.includes(field) ? [...ids, field] : ids;
}
