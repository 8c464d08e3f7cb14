/** A panel as typed arrays: subjects × ids × dates. */
import type { PanelAnswer } from './types.ts';

export class Panel {
  /** Seconds, ascending. */
  readonly dates: Float64Array;
  /** Keys of the values. */
  readonly ids: readonly string[];
  readonly subjects: readonly string[];
  /** `values[(subject · ids.length + id) · dates.length + date]`; NaN = no value. */
  readonly values: Float64Array;

  constructor({ dates, ids, rows }: PanelAnswer) {
    this.dates = Float64Array.from(dates);
    this.ids = ids;
    this.subjects = rows.map(({ subject }) => subject);
    this.values = new Float64Array(rows.length * ids.length * dates.length);
    let at = 0;
    for (const { values } of rows)
      for (const series of values) for (const value of series) this.values[at++] = value ?? Number.NaN;
  }

  /** The values of one subject and id, one a date: a view, no copy. Undefined for a subject or an id that is not there. */
  series(subject: string, id: string): Float64Array | undefined {
    const row = this.subjects.indexOf(subject);
    const column = this.ids.indexOf(id);
    if (row < 0 || column < 0) return undefined;
    const from = (row * this.ids.length + column) * this.dates.length;
    return this.values.subarray(from, from + this.dates.length);
  }
}
