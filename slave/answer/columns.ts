/** Answers as columns: the same rows as `snapshot`, `range`, `panel` and `catalogue` encode, raw and in the same order. */
import { CellItems, snapshotCells } from '../../shared/answer/cells.ts';
import { ChunkWriter, columnsOf } from '../../shared/answer/columns.ts';
import { isValued } from '../../shared/answer/program.ts';
import { RangeItems, SnapshotRows } from '../../shared/answer/valued.ts';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { compareText } from '../../shared/base/text.ts';
import { touchesRange } from '../../shared/data/topic-intervals.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type {
  DatedQuery,
  PanelQuery,
  PeriodQuery,
  Query,
  SnapshotQuery,
  SubjectsQuery,
} from '../../shared/query/query.ts';
import type { Subject } from '../cache/directory.ts';
import { foundSubjects } from './catalogue.ts';
import { PanelWork } from './panel.ts';
import { rangeNeed } from './plan.ts';
import { membersInOrder } from './pool.ts';
import { type Answer, type Sources, Steps, type Work } from './rows.ts';
import { plainBest, valuedBest } from './snapshot.ts';
import { bestByDate, itemsOfSubject, memberAt } from './valued-range.ts';

/** `now`: seconds by the wall clock. */
export function* columns(
  sources: Sources,
  query: Query,
  slots: SlotSet | undefined,
  now: number,
): Work<Answer> {
  const writer = new ChunkWriter(columnsOf(query));
  yield* rowsOf(writer, sources, query, slots, now);
  const bytes = Buffer.from(writer.finish().buffer);
  return { pieces: [bytes], length: bytes.length, isRaw: true };
}

function rowsOf(
  writer: ChunkWriter,
  sources: Sources,
  query: Query,
  slots: SlotSet | undefined,
  now: number,
): Work<void> {
  switch (query.kind) {
    case 'snapshot':
      return snapshot(writer, sources, query, slots, now);
    case 'period':
      return period(writer, sources, query, slots);
    case 'dated':
      return dated(writer, sources, query, slots);
    case 'panel':
      return panel(writer, sources, query, slots);
    case 'subjects':
      return subjects(writer, sources, query, slots!);
    default:
      throw new KamaitachiError('bad_request', `query: a ${query.kind} has no columns`);
  }
}

function* snapshot(
  writer: ChunkWriter,
  sources: Sources,
  query: SnapshotQuery,
  slots: SlotSet | undefined,
  now: number,
): Work<void> {
  const rows = new SnapshotRows(query, now);
  const steps = new Steps(rows);
  const best = isValued(query)
    ? yield* valuedBest(sources, query, slots, rows, steps)
    : yield* plainBest(sources, query, slots);
  for (const { key, record, block } of best) {
    if (!rows.load(block)) continue;
    writer.begin(infoOf(record), { key });
    writer.add(snapshotCells(rows, query.withTime, query.withDeclared === true));
    if (steps.isOver()) yield;
  }
}

function* period(
  writer: ChunkWriter,
  sources: Sources,
  query: PeriodQuery,
  slots: SlotSet | undefined,
): Work<void> {
  const { topic } = query;
  const need = rangeNeed(query);
  const pool = topic === undefined ? { subjects: query.subjects } : { topic };
  const items = new RangeItems(query);
  const form = new CellItems(query);
  const steps = new Steps(items);
  for (const record of yield* membersInOrder(sources, pool, need, slots)) {
    const member = memberAt(record, pool, query.asOf);
    if (!touchesRange(member, query.from, query.to)) continue;
    const { block } = sources.cache.lookup(record, need);
    const rows = yield* itemsOfSubject(items, record, block, query, member, steps, form);
    if (rows.length > 0) writer.begin(nameOf(record), {});
    for (const cells of rows) writer.add(cells);
    if (steps.isOver()) yield;
  }
}

/** Dates newest first. */
function* dated(
  writer: ChunkWriter,
  sources: Sources,
  query: DatedQuery,
  slots: SlotSet | undefined,
): Work<void> {
  const items = new RangeItems(query);
  const form = new CellItems(query);
  const steps = new Steps(items);
  const byDate = yield* bestByDate(sources, query, slots, items, steps);
  for (const date of [...byDate.keys()].sort(compareText).reverse()) {
    for (const { key, record, block, axis } of byDate.get(date)!.sorted()) {
      items.open(block);
      items.load(axis);
      writer.begin(nameOf(record), { key, time: block.times[axis] });
      writer.add(form.loaded(items, record, axis));
      if (steps.isOver()) yield;
    }
  }
}

function* panel(
  writer: ChunkWriter,
  sources: Sources,
  query: PanelQuery,
  slots: SlotSet | undefined,
): Work<void> {
  const work = yield* PanelWork.begin(sources, query, slots);
  writer.members = work.records.length;
  const { steps, lanes } = work;
  for (const record of work.records) {
    if (yield* work.evaluate(record)) {
      writer.begin([record.subject], {});
      writer.addLanes(lanes.dates, lanes.values);
    }
    if (steps.isOver()) yield;
  }
}

function* subjects(writer: ChunkWriter, sources: Sources, query: SubjectsQuery, slots: SlotSet): Work<void> {
  for (const record of yield* foundSubjects(sources, query, slots)) {
    writer.begin(infoOf(record), {});
    writer.add([]);
  }
}

function infoOf({ subject, info: { name, status, listing_date, category } }: Subject): string[] {
  return [subject, name, status, listing_date, category];
}

function nameOf({ subject, info: { name } }: Subject): string[] {
  return [subject, name];
}
