/** The columns of a table while a plan is made: what the options say of them, which are taken, and what there is to say. */
import { MAX_STRING_BYTES } from '../../../shared/base/limits.ts';
import { isIndicator, isPlainText } from '../../../shared/base/text.ts';
import { CommandError } from '../../command.ts';
import type { ImportOptions } from '../import-options.ts';
import { excerpt } from '../read/rows.ts';
import { IndicatorNames } from '../values/names.ts';
import { formatNote } from '../values/time-guess.ts';
import type { Sampled } from './plan.ts';
import { firstNamed, Profile } from './profile.ts';

export class Columns {
  readonly path: string;
  readonly name: string;
  readonly dimensions: number | undefined;
  readonly separator: string | undefined;
  readonly options: ImportOptions;
  readonly profile: Profile;
  /** Positions of the columns that something is planned for. */
  readonly used = new Set<number>();
  readonly names = new IndicatorNames();
  readonly chosen: ReadonlyMap<string, string> | undefined;
  readonly notes: string[] = [];

  constructor(path: string, source: Sampled, options: ImportOptions) {
    const { decimal, missing, numbers } = options;
    this.path = path;
    this.name = source.name;
    this.dimensions = source.dimensions;
    this.separator = source.separator;
    this.options = options;
    const flags = source.dimensions !== undefined;
    this.profile = new Profile(source.columns, source.sample, { decimal, missing, numbers, flags });
    this.chosen = options.columns && renames(options.columns, this.profile);
  }

  /** Takes the column that an option names. */
  at(option: string, name: string): number {
    const at = this.profile.find(name);
    if (at < 0)
      throw new CommandError(
        `--${option}: no column "${name}"; ${this.path} has ${listed(this.profile.columns)}`,
        2,
      );
    this.used.add(at);
    return at;
  }

  /** Takes the column that an option names, or the first free one with a usual heading. */
  optional(usual: readonly string[], option = '', name?: string): number | undefined {
    if (name !== undefined) return this.at(option, name);
    const at = firstNamed(this.profile, usual, this.used, (other) => !this.isChosen(other));
    if (at !== undefined) this.used.add(at);
    return at;
  }

  isChosen(at: number): boolean {
    return this.chosen?.has(this.profile.columns[at]) ?? false;
  }

  /** Whether the user said what the subject is. */
  hasSubject(): boolean {
    return this.options.subject !== undefined || this.options.subjectColumn !== undefined;
  }

  /** What a format leaves to a rule, once. */
  note(format: string): void {
    const note = formatNote(format);
    if (note !== undefined && !this.notes.includes(note)) this.notes.push(note);
  }

  checkTopic(option: string, topic: string | undefined): void {
    if (topic !== undefined && !isPlainText(topic, MAX_STRING_BYTES))
      throw new CommandError(
        `--${option}: expected a name of at most ${MAX_STRING_BYTES} bytes without control characters, got ${excerpt(topic)}`,
        2,
      );
  }
}

/** The columns asked for and their new names: `A`, or `A=indicator`. A column whose own name holds "=" is taken as it is. */
function renames(asked: readonly string[], profile: Profile): Map<string, string> {
  return new Map(
    asked.map((item) => {
      const [, from, to] = (profile.find(item) < 0 && /^(.+)=([^=]*)$/.exec(item)) || [];
      if (from === undefined) return [profile.columns[profile.find(item)] ?? item, ''];
      if (!isIndicator(to))
        throw new CommandError(
          `--columns: "${to}" cannot be an indicator; expected letters, digits, _ and .`,
          2,
        );
      return [profile.columns[profile.find(from)] ?? from, to];
    }),
  );
}

/** As the shell takes it for one word. */
export function shellWord(text: string): string {
  return /^[\p{L}\p{N}_.,:=/@%+-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function listed(names: readonly string[]): string {
  const shown = names
    .slice(0, 30)
    .map((name) => name || '(no name)')
    .join(', ');
  return names.length > 30 ? `${shown} and ${names.length - 30} more` : shown;
}
