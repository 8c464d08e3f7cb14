/**
 * The records and deletes written to one subject, in order, to be applied in one pass: a block is copied once, however often
 * they take turns. A point stands where no delete that covers it came later.
 */
import { type Block, PERIOD_COLUMN, type Points } from './block.ts';
import { EMPTY_BLOCK, putPoints, removeRows } from './block-edit.ts';
import { type DeleteLine, PointCollector, type RecordLine } from './lines.ts';

/** Points of one stretch of time. */
interface Fresh {
  collector: PointCollector;
  /** By column, in step with the points: how many deletes had come when each was written. Absent while none has. */
  epochs: Map<string, number[]> | undefined;
}

export class Edits {
  /** Starts of the stretches that points are kept apart by, ascending. */
  private readonly starts: readonly number[];
  private readonly fresh = new Map<number, Fresh>();
  /** Everything from before is gone. */
  private isWhole = false;
  /** How many deletes have come; of each kind the last one that covers a time, an indicator, an indicator at a time. */
  private epoch = 0;
  private readonly byTime = new Map<number, number>();
  private readonly byName = new Map<string, number>();
  private readonly byBoth = new Map<string, Map<number, number>>();

  constructor(starts: readonly number[]) {
    this.starts = starts;
  }

  /** Adds a record; of a subject known in part, only the columns that `wanted` says. */
  record(line: RecordLine, wanted?: (column: string) => boolean): void {
    const start = this.startOf(line.time);
    let fresh = this.fresh.get(start);
    if (fresh === undefined) {
      fresh = { collector: new PointCollector(), epochs: undefined };
      this.fresh.set(start, fresh);
    }
    if (this.epoch > 0) fresh.epochs ??= this.epochsOf(fresh, 0);
    fresh.collector.addRecord(line, PERIOD_COLUMN, wanted);
    if (fresh.epochs === undefined) return;
    for (const name in line.values) this.stamp(fresh, name);
    if (line.period !== undefined) this.stamp(fresh, PERIOD_COLUMN);
  }

  delete({ time, indicators }: DeleteLine): void {
    const { byTime, byName, byBoth } = this;
    if (time === undefined && indicators === undefined) {
      this.isWhole = true;
      for (const kept of [this.fresh, byTime, byName, byBoth]) kept.clear();
      return;
    }
    // What has been written so far is from before every delete.
    if (this.epoch === 0) for (const fresh of this.fresh.values()) fresh.epochs = this.epochsOf(fresh, 0);
    const epoch = ++this.epoch;
    if (indicators === undefined) byTime.set(time!, epoch);
    else if (time === undefined) for (const name of indicators) byName.set(name, epoch);
    else
      for (const name of indicators) {
        const times = byBoth.get(name);
        if (times === undefined) byBoth.set(name, new Map([[time, epoch]]));
        else times.set(time, epoch);
      }
  }

  /** Starts of the stretches that something was written to. */
  written(): Iterable<number> {
    return this.fresh.keys();
  }

  /** The block of the stretch that begins at `start`, as it is afterwards; the same one where nothing of it changes. */
  apply(start: number, block: Block): Block {
    const kept = this.isWhole ? EMPTY_BLOCK : this.remove(block);
    const fresh = this.fresh.get(start);
    if (fresh === undefined) return kept;
    const points = this.standing(fresh);
    return points.size === 0 ? kept : putPoints(kept, points, fresh.collector.texts);
  }

  private remove(block: Block): Block {
    const { byTime, byName, byBoth } = this;
    if (!this.hasDeletes()) return block;
    return removeRows(block, (name) => {
      if (byName.has(name)) return 'all';
      const times = byBoth.get(name);
      if (byTime.size === 0 && times === undefined) return 'none';
      return (time) => byTime.has(time) || times?.has(time) === true;
    });
  }

  /** The points that no later delete covers. */
  private standing({ collector, epochs }: Fresh): ReadonlyMap<string, Points> {
    const { byTime, byName, byBoth } = this;
    if (epochs === undefined || !this.hasDeletes()) return collector.points;
    const standing = new Map<string, Points>();
    for (const [name, points] of collector.points) {
      const own = epochs.get(name)!;
      const last = byName.get(name) ?? 0;
      const times = byBoth.get(name);
      const kept: Points = { times: [], declared: [], values: [] };
      for (let i = 0; i < own.length; i++) {
        const time = points.times[i];
        const deleted = Math.max(last, byTime.get(time) ?? 0, times?.get(time) ?? 0);
        if (own[i] < deleted && name !== PERIOD_COLUMN) continue;
        kept.times.push(time);
        kept.declared.push(points.declared[i]);
        kept.values.push(points.values[i]);
      }
      if (kept.times.length > 0) standing.set(name, kept);
    }
    return standing;
  }

  private hasDeletes(): boolean {
    return this.byTime.size > 0 || this.byName.size > 0 || this.byBoth.size > 0;
  }

  private epochsOf({ collector }: Fresh, epoch: number): Map<string, number[]> {
    return new Map(
      [...collector.points].map(([name, { times }]) => [name, new Array<number>(times.length).fill(epoch)]),
    );
  }

  /** Notes when the newest points of a column were written. */
  private stamp({ collector, epochs }: Fresh, name: string): void {
    const points = collector.points.get(name);
    if (points === undefined) return;
    let own = epochs!.get(name);
    if (own === undefined) {
      own = [];
      epochs!.set(name, own);
    }
    while (own.length < points.times.length) own.push(this.epoch);
  }

  /** The greatest start ≤ time; before all of them the first counts. */
  private startOf(time: number): number {
    const { starts } = this;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return starts[Math.max(0, low - 1)];
  }
}
