/**
 * Counts the values of a command that replace an earlier one of the same subject, time, declared and indicator. Where
 * nobody chose the subject, that is a loss: it ends the import, with the name of the column that was left out.
 */
import { CommandError } from '../../command.ts';
import { tableConverter, type Watch } from '../convert/convert.ts';
import type { ImportOptions } from '../import-options.ts';
import { isRefusal } from '../read/rows.ts';
import type { TableSource } from '../read/source.ts';
import { amount } from '../report.ts';
import { complaint, isChoice, overwritten, TOLERATED_SHARE } from './overwrites.ts';
import type { Plan } from './plan.ts';
import type { SampleRow } from './profile.ts';
import { Seen } from './seen.ts';

/** Rows that are looked at to find out what tells them apart. */
const MAX_ROWS = 5_000;

interface Table {
  file: string;
  source: TableSource;
  plan: Plan;
}

export class Replaced {
  readonly #options: ImportOptions;
  readonly #seen: Seen;
  #isChosen = true;
  /** Of the whole command. */
  #lost = 0;
  #values = 0;
  /** Since `take` was called. */
  #since = 0;

  /** `directory`: makes one for temporary files. */
  constructor(options: ImportOptions, directory: () => string) {
    this.#options = options;
    this.#seen = new Seen({ directory });
  }

  /** Ends the import where the first rows show that the guess would lose rows; otherwise what there is to say. */
  check(path: string, plan: Plan, sample: readonly SampleRow[]): string[] {
    const { lost, share } = overwritten(plan, sample);
    if (!isChoice(plan, this.#options) && share > TOLERATED_SHARE) {
      const files = [...new Set(sample.map(({ file }) => file))];
      const inside = files
        .map((file) => sample.filter((row) => row.file === file))
        .find((rows) => overwritten(plan, rows).lost > 0);
      throw new CommandError(inside === undefined ? acrossFiles(path) : complaint(path, plan, inside), 2);
    }
    if (lost === 0) return [];
    const says = lost === 1 ? ['value has', 'it replaces'] : ['values have', 'they replace'];
    return [
      `in the ${amount(sample.length)} rows looked at, ${amount(lost)} ${says[0]} the subject, time and indicator of an earlier one, which ${says[1]}`,
    ];
  }

  watch(plan: Plan): Watch {
    this.#isChosen &&= isChoice(plan, this.#options);
    return (subject, time, declared, indicator, value) => {
      this.#values++;
      if (!this.#seen.add(subject, time, declared, indicator, value)) return;
      this.#lost++;
      this.#since++;
    };
  }

  take(): number {
    const count = this.#since;
    this.#since = 0;
    return count;
  }

  /** Ends the import before a batch that replaces what was written by guess, where that is more than a few corrections. */
  async stop(table: Table): Promise<void> {
    if (isChoice(table.plan, this.#options) || this.#lost <= this.#values * TOLERATED_SHARE) return;
    throw new CommandError(
      `${await this.#complaint([table])}; stopped before that: what was written so far is under the guessed subjects`,
    );
  }

  /** At the end of the command. */
  async finish(tables: readonly Table[]): Promise<void> {
    this.#lost += this.#seen.finish();
    if (this.#lost === 0 || this.#isChosen) return;
    const { dryRun } = this.#options;
    throw new CommandError(
      `${await this.#complaint(tables)}; ${amount(this.#lost)} ${this.#lost === 1 ? 'value' : 'values'} ${dryRun ? 'would replace' : 'replaced'} another`,
    );
  }

  /** Where it was the user's choice. */
  report(): string[] {
    if (this.#lost === 0) return [];
    const count = this.#lost === 1 ? '1 value' : `${amount(this.#lost)} values`;
    return [`${count} replaced an earlier one of the same subject, time, declared and indicator`];
  }

  close(): void {
    this.#seen.close();
  }

  /** Reads the files again, for rows whose values were replaced. */
  async #complaint(tables: readonly Table[]): Promise<string> {
    for (const table of tables) {
      const rows = await this.#rowsOf(table);
      if (overwritten(table.plan, rows).lost > 0) return complaint(table.file, table.plan, rows);
    }
    return acrossFiles(tables.at(-1)!.file);
  }

  async #rowsOf({ source, plan }: Table): Promise<SampleRow[]> {
    const rows: SampleRow[] = [];
    let isReplaced = false;
    const convert = tableConverter(plan, (subject, time, declared, indicator) => {
      isReplaced ||= this.#seen.replaced.has(this.#seen.key(subject, time, declared, indicator));
    });
    for await (const row of source.read().rows) {
      if (isRefusal(row)) continue;
      isReplaced = false;
      convert(row);
      if (isReplaced && rows.push(row) === MAX_ROWS) break;
    }
    return rows;
  }
}

function acrossFiles(path: string): string {
  return (
    `${path}: another file has other values for the same subjects, times and indicators; expected --subject-column with a ` +
    'column that tells them apart, or a command for each file with its own --subject or --indicator'
  );
}
