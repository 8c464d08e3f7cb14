/** Answers as columns: the same rows as `snapshot`, `range`, `panel` and `catalogue` encode, raw and in the same order. */
import { CellItems, snapshotCells } from '../../shared/answer/cells.ts';
import { ChunkWriter, columnsOf } from '../../shared/answer/columns.ts';
import { isValued } from '../../shared/answer/program.ts';
import { RangeItems, SnapshotRows } from '../../shared/answer/valued.ts';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_ANSWER_BYTES } from '../../shared/base/limits.ts';
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
import { lookInTurns, membersInOrder } from './pool.ts';
import { type Answer, type Sources, Steps, type Work } from './rows.ts';
import { plainBest, valuedBest } from './snapshot.ts';
import { bestByDate, itemsAt, itemsOfSubject, memberAt } from './valued-range.ts';

/** The first chunk of an answer. `now`: seconds by the wall clock. */
export function columns(
  sources: Sources,
  query: Query,
  slots: SlotSet | undefined,
  now: number,
): Work<Answer> {
  const writer = new ChunkWriter(columnsOf(query));
  return nextChunk(writer, rowsOf(writer, sources, query, slots, now));
}

/** `rows` puts rows into the writer; it stops for a moment at least wherever the writer is full. */
function* nextChunk(writer: ChunkWriter, rows: Work<void>): Work<Answer> {
  for (;;) {
    const isLast = rows.next().done === true;
    if (isLast || writer.isFull) {
      const bytes = Buffer.from(writer.finish(isLast).buffer);
      const chunk: Answer = { pieces: [bytes], length: bytes.length, isRaw: true };
      if (!isLast) chunk.rest = nextChunk(writer, rows);
      return chunk;
    }
    yield;
  }
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
  writer.coming = () => best.map(({ record }) => infoOf(record));
  for (const { key, record, block } of best) {
    yield* rows.prepare(block);
    if (!rows.load(block)) continue;
    writer.begin(infoOf(record), { key });
    writer.add(snapshotCells(rows, query.withTime, query.withDeclared === true));
    if (writer.isFull || steps.isOver()) yield;
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
  const records = yield* membersInOrder(sources, pool, need, slots);
  // A long series is written as it is evaluated; what `limit` or `bucket` leave of it is put together first.
  const isDirect = query.bucket === undefined && query.limit === 0;
  for (const [place, listed] of records.entries()) {
    if (!touchesRange(memberAt(listed, pool, query.asOf), query.from, query.to)) continue;
    writer.coming = () => records.slice(place).map(nameOf);
    const looked = yield* lookInTurns(sources, listed, need, pool);
    if (looked === undefined) continue;
    const { record } = looked;
    const { block } = looked.entry;
    const member = memberAt(record, pool, query.asOf);
    writer.begin(nameOf(record));
    if (isDirect) {
      items.open(block);
      const axes = items.candidates();
      if (query.descending) axes.reverse();
      for (const axis of axes) {
        yield* items.prepare(axis);
        for (const cells of itemsAt(items, record, query, member, axis, form)) writer.add(cells);
        if (writer.isFull || steps.isWorkOver()) yield;
      }
    } else {
      for (const cells of yield* itemsOfSubject(items, record, block, query, member, steps, form)) {
        writer.add(cells);
        if (writer.isFull) yield;
      }
    }
    if (writer.isFull || steps.isOver()) yield;
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
  const byDate = yield* bestByDate(sources, query, slots, items, steps, MOST_DATED_BYTES);
  const dates = byDate.dates().sort(compareText).reverse();
  writer.coming = () => {
    const records = new Set(dates.flatMap((date) => byDate.sorted(date).map(({ record }) => record)));
    return Array.from(records, nameOf);
  };
  for (const date of dates) {
    for (const { key, record, block, axis } of byDate.sorted(date)) {
      items.open(block);
      yield* items.prepare(axis);
      items.load(axis);
      writer.begin(nameOf(record), { key, time: block.times[axis] });
      writer.add(form.loaded(items, record, axis));
      if (writer.isFull || steps.isOver()) yield;
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
  const { dates, steps, lanes, records } = work;
  for (const [place, record] of records.entries()) {
    writer.coming = () => records.slice(place).map(({ subject }) => [subject]);
    if (yield* work.evaluate(record)) {
      writer.begin([record.subject]);
      for (let place = 0; place < dates.length; ) {
        place = writer.addLanes(lanes.dates, lanes.values, place);
        if (writer.isFull) yield;
      }
    }
    if (writer.isFull || steps.isOver()) yield;
  }
}

function* subjects(writer: ChunkWriter, sources: Sources, query: SubjectsQuery, slots: SlotSet): Work<void> {
  const found = yield* foundSubjects(sources, query, slots);
  writer.coming = () => found.map(infoOf);
  for (const record of found) {
    writer.begin(infoOf(record));
    writer.add([]);
    if (writer.isFull) yield;
  }
}

function infoOf({ subject, info: { name, status, listing_date, category } }: Subject): string[] {
  return [subject, name, status, listing_date, category];
}

/** Columns are a fraction of what their rows would be, and flow out as they are made. */
const MOST_DATED_BYTES = 4 * MAX_ANSWER_BYTES;

function nameOf({ subject, info: { name } }: Subject): string[] {
  return [subject, name];
}
