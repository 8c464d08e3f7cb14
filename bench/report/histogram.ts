/** Latencies in whole microseconds: exact up to 1,023, within 0.2% above, in memory that does not grow with their number. */

const EXACT = 1_024;
const STEPS = EXACT / 2;
/** 2^31 µs: over half an hour. */
const CELLS = EXACT + 21 * STEPS;

export class Histogram {
  private readonly counts = new Float64Array(CELLS);
  count = 0;
  sum = 0;
  max = 0;

  record(microseconds: number, times = 1): void {
    if (!(microseconds >= 0)) throw new RangeError(`latency: expected 0 or more µs, got ${microseconds}`);
    this.counts[cellOf(microseconds)] += times;
    this.count += times;
    this.sum += microseconds * times;
    this.max = Math.max(this.max, microseconds);
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The latency that `percent` of all did not exceed, 0 where there are none. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil((this.count * percent) / 100));
    let seen = 0;
    for (let cell = 0; cell < CELLS; cell++) {
      seen += this.counts[cell];
      if (seen >= wanted) return Math.min(upperEnd(cell), this.max);
    }
    return this.max;
  }

  add(other: Histogram): this {
    for (let cell = 0; cell < CELLS; cell++) this.counts[cell] += other.counts[cell];
    this.count += other.count;
    this.sum += other.sum;
    this.max = Math.max(this.max, other.max);
    return this;
  }

  toJSON(): HistogramText {
    const cells: [number, number][] = [];
    this.counts.forEach((count, cell) => {
      if (count > 0) cells.push([cell, count]);
    });
    return { cells, sum: this.sum, max: this.max };
  }

  static fromJSON({ cells, sum, max }: HistogramText): Histogram {
    const histogram = new Histogram();
    for (const [cell, count] of cells) {
      histogram.counts[cell] = count;
      histogram.count += count;
    }
    histogram.sum = sum;
    histogram.max = max;
    return histogram;
  }
}

export interface HistogramText {
  cells: [cell: number, count: number][];
  sum: number;
  max: number;
}

/** The middle one, or the mean of the two in the middle; 0 of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function cellOf(microseconds: number): number {
  const value = Math.min(2 ** 31 - 1, Math.round(microseconds));
  if (value < EXACT) return value;
  const shift = 22 - Math.clz32(value);
  return EXACT + (shift - 1) * STEPS + ((value >> shift) - STEPS);
}

function upperEnd(cell: number): number {
  if (cell < EXACT) return cell;
  const shift = Math.floor((cell - EXACT) / STEPS) + 1;
  return (((cell - EXACT) % STEPS) + STEPS + 1) * 2 ** shift - 1;
}
