/** Panels: for every subject and date the values as they were known then. */
import {
  calendarDates,
  encodePanelRow,
  PanelRows,
  panelFrame,
  type StepStore,
} from '../../shared/answer/panel.ts';
import type { Steps as ValueSteps } from '../../shared/answer/steps.ts';
import type { Block } from '../../shared/data/block.ts';
import { isMember } from '../../shared/data/topic-intervals.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import { checkPanelSize } from '../../shared/query/panel-dates.ts';
import type { CalendarQuery, PanelQuery } from '../../shared/query/query.ts';
import type { SubjectCache } from '../cache/cache.ts';
import type { Subject } from '../cache/directory.ts';
import type { Entry, Need } from '../cache/entry.ts';
import { panelNeed, stepsPlan } from './plan.ts';
import { look, membersInOrder } from './pool.ts';
import { type Answer, headerOnly, Rows, type Sources, Steps, type Work } from './rows.ts';

export function* panel(
  sources: Sources,
  query: PanelQuery,
  slots: SlotSet | undefined,
  whole: boolean,
): Work<Answer> {
  const work = yield* PanelWork.begin(sources, query, slots);
  const rows = new Rows(whole, panelFrame(query.ids, work.dates));
  const subjects: string[] = [];
  for (const record of work.records) {
    if (yield* work.evaluate(record)) {
      subjects.push(record.subject);
      if (rows.add(encodePanelRow(record.subject, work.lanes.values))) yield;
    }
    if (work.steps.isOver()) yield;
  }
  const members = work.records.length;
  return rows.finish(() => ({ kind: 'panel', subjects, lengths: rows.lengths, members }));
}

/** A panel in the making: its subjects in order, evaluated one after the other. */
export class PanelWork {
  readonly dates: readonly number[];
  readonly lanes: PanelRows;
  /** All that may be members at one of the dates. */
  readonly records: readonly Subject[];
  readonly steps: Steps;
  private readonly sources: Sources;
  private readonly pool: PanelQuery['pool'];
  private readonly need: Need;
  private readonly plans = new Map<string, number>();

  private constructor(
    sources: Sources,
    { pool }: PanelQuery,
    lanes: PanelRows,
    need: Need,
    records: readonly Subject[],
  ) {
    this.sources = sources;
    this.pool = pool;
    this.dates = Array.from(lanes.dates);
    this.lanes = lanes;
    this.need = need;
    this.records = records;
    this.steps = new Steps(lanes);
  }

  static *begin(sources: Sources, query: PanelQuery, slots: SlotSet | undefined): Work<PanelWork> {
    const { pool, ids } = query;
    const dates = datesOf(sources, query);
    const need = panelNeed(query, dates);
    const records = dates.length === 0 ? [] : yield* membersInOrder(sources, pool, need, slots);
    checkPanelSize(records.length, dates.length, ids.length);
    return new PanelWork(sources, query, new PanelRows(query, dates), need, records);
  }

  /** Whether the subject has a value; `lanes` has its values then. */
  *evaluate(listed: Subject): Work<boolean> {
    const { pool, lanes, dates } = this;
    const { cache } = this.sources;
    const thereOf = (record: Subject) =>
      'subjects' in pool ? undefined : memberAt(record, pool.topic, lanes);
    const wasThere = thereOf(listed);
    if (wasThere !== undefined && !dates.some(wasThere)) return false;
    const looked = look(this.sources, listed, this.need, pool);
    if (looked === undefined) return false;
    const { record, entry } = looked;
    const isThere = record === listed ? wasThere : thereOf(record);
    const store = new KeptSteps(cache, entry, this.plans);
    const some = yield* lanes.evaluate(entry.block, store, isThere);
    store.hand();
    return some;
  }
}

/** The days of a panel's calendar. */
export function calendar(sources: Sources, { subject, from, to }: CalendarQuery, whole: boolean): Answer {
  const dates = daysOf(sources, subject, from, to);
  if (!whole) return headerOnly({ kind: 'calendar', dates });
  const text = JSON.stringify(dates);
  return { pieces: [text], length: text.length };
}

function datesOf(sources: Sources, { when }: PanelQuery): number[] {
  return 'dates' in when ? when.dates : daysOf(sources, when.calendar, when.from, when.to);
}

function daysOf({ directory, cache }: Sources, subject: string, from: number, to: number): number[] {
  const record = directory.get(subject);
  if (record === undefined) {
    cache.countHits(1, 1);
    return [];
  }
  const need = { kind: 'range', columns: cache.columnsOf(record), from, to } as const;
  return calendarDates(cache.lookup(record, need).block, from, to);
}

/** At which dates a subject is a member of a topic, as known then; undefined = at all of them. */
function memberAt(
  { info }: Subject,
  topic: string,
  lanes: PanelRows,
): ((date: number) => boolean) | undefined {
  if (info.topics.includes(topic)) return undefined;
  return (date) => isMember(info, topic, date, lanes.asOfAt(date));
}

/** The steps of one subject: those kept with its entry, and those made now. */
class KeptSteps implements StepStore {
  private readonly cache: SubjectCache;
  private readonly entry: Entry;
  private readonly block: Block;
  private readonly plans: Map<string, number>;
  private readonly made = new Map<number, ValueSteps>();

  constructor(cache: SubjectCache, entry: Entry, plans: Map<string, number>) {
    this.cache = cache;
    this.entry = entry;
    this.block = entry.block;
    this.plans = plans;
  }

  get(key: string): ValueSteps | undefined {
    const plan = this.planOf(key);
    // Patched since, the entry may have steps of another block.
    return this.made.get(plan) ?? (this.entry.block === this.block ? this.entry.stepsOf(plan) : undefined);
  }

  keep(key: string, steps: ValueSteps): void {
    this.made.set(this.planOf(key), steps);
  }

  /** Hands over to the cache what was made. */
  hand(): void {
    this.cache.keepSteps(this.entry, this.block, this.made);
  }

  private planOf(key: string): number {
    let plan = this.plans.get(key);
    if (plan === undefined) {
      plan = stepsPlan(key);
      this.plans.set(key, plan);
    }
    return plan;
  }
}
