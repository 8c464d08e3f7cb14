/** Rows of answers as cells, in the order of the columns that are not of type `dictionary`. NaN = none. Pure. */
import type { Block } from '../data/block.ts';
import type { DatedQuery, PeriodQuery } from '../query/query.ts';
import { periodAt, type ShownSubject } from './encode.ts';
import type { ItemForm, RangeItems, SnapshotRows } from './valued.ts';

export type Cells = (number | string)[];

/** `none` where there is no such time: also where `declared` is 0. */
function timeCell(time: number): number {
  return time === 0 ? Number.NaN : time;
}

/** The row that was loaded last. */
export function snapshotCells({ evaluator }: SnapshotRows, withTime: boolean, withDeclared: boolean): Cells {
  const { values, times, declareds } = evaluator;
  const cells: Cells = [];
  for (let i = 0; i < values.length; i++) {
    const isNone = Number.isNaN(values[i]);
    cells.push(values[i]);
    if (withTime) cells.push(isNone || times[i] === -Infinity ? Number.NaN : times[i]);
    if (withDeclared) cells.push(isNone ? Number.NaN : timeCell(declareds[i]));
  }
  return cells;
}

/** Items of ranges: time, period, declared, then each value. */
export class CellItems implements ItemForm<Cells> {
  private readonly withDeclared: boolean;

  constructor(query: PeriodQuery | DatedQuery) {
    this.withDeclared = query.withDeclared === true;
  }

  loaded({ block, evaluator }: RangeItems, _subject: ShownSubject, axis: number): Cells {
    const { values, declareds } = evaluator;
    const cells: Cells = [block.times[axis], periodAt(block, axis), 0];
    let declared = 0;
    for (let i = 0; i < values.length; i++) {
      const isNone = Number.isNaN(values[i]);
      cells.push(values[i]);
      if (this.withDeclared) cells.push(isNone ? Number.NaN : timeCell(declareds[i]));
      if (!isNone && declareds[i] > declared) declared = declareds[i];
    }
    cells[2] = timeCell(declared);
    return cells;
  }

  bucket(_subject: ShownSubject, start: number, _end: number, declared: number, values: Float64Array): Cells {
    return [start, '', timeCell(declared), ...values];
  }

  revision(
    _subject: ShownSubject,
    block: Block,
    axis: number,
    declared: number,
    rows: readonly number[],
  ): Cells {
    const values = rows.map((row) => (row < 0 ? Number.NaN : block.values[row]));
    return [block.times[axis], periodAt(block, axis), timeCell(declared), ...values];
  }

  sizeOf(cells: Cells): number {
    return 8 * cells.length;
  }
}
