/** Plans which columns say when values became public, and stops where another one might. */
import { CommandError } from '../../command.ts';
import { type ReadTime, TIME_FORMATS, timeReader } from '../values/times.ts';
import { type Columns, shellWord } from './columns.ts';
import type { Plan } from './plan.ts';
import { onlyFormat } from './plan-time.ts';
import { DECLARED_NAMES } from './words.ts';

export function planDeclared(columns: Columns): Plan['declared'] {
  const { declaredColumn, noDeclared } = columns.options;
  if (noDeclared) return undefined;
  const isTime = (at: number): boolean =>
    !columns.isChosen(at) &&
    ((columns.profile.time(at)?.share ?? 0) >= 0.5 || columns.profile.texts(at).length === 0);
  const at =
    declaredColumn?.map((name) => columns.at('declared-column', name)) ??
    DECLARED_NAMES.map((name) => columns.profile.named(name)).filter(
      (column) =>
        column >= 0 && !columns.used.has(column) && (isTime(column) || isUnreadable(columns, column)),
    );
  if (at.length === 0) return undefined;
  for (const column of at) columns.used.add(column);
  return { at, read: at.map((column) => declaredReader(columns, column)) };
}

/** A column that is called a date of publication, and holds no dates that can be read: that has to be asked. */
function isUnreadable(columns: Columns, at: number): boolean {
  return !columns.isChosen(at) && /date|time|dt$|日/.test(columns.profile.heading(at));
}

function declaredReader(columns: Columns, at: number): ReadTime {
  const isEmpty = columns.profile.texts(at).length === 0;
  const read = timeReader(isEmpty ? 'text' : onlyFormat(columns, 'declared', at), 'end')!;
  return (text) => {
    const time = read(text);
    return time !== undefined && time >= 0 ? time : undefined;
  };
}

export function planDate(columns: Columns, option: string, name: string): { at: number; read: ReadTime } {
  const at = columns.at(option, name);
  const kind = option === 'to-column' ? 'to' : 'from';
  if (columns.profile.texts(at).length === 0) return { at, read: timeReader('text', 'start')! };
  const format = columns.options.timeFormat ?? onlyFormat(columns, kind, at);
  const read = timeReader(format, 'start');
  if (read === undefined) throw new CommandError(`--time-format: expected ${TIME_FORMATS}, got ${format}`, 2);
  return { at, read };
}

/** Values of a file with a second date may have become public then; without it they would be known before. */
export function checkOtherDates(columns: Columns, others: readonly number[], hasDeclared: boolean): void {
  if (others.length === 0 || hasDeclared || columns.options.noDeclared) return;
  const [name] = others.map((at) => columns.profile.columns[at]);
  throw new CommandError(
    `--declared-column: column "${name}" of ${columns.path} holds times too, and may say when the values became public; ` +
      `expected --declared-column ${shellWord(name)}, or --no-declared where none does (the values then count as always known)`,
    2,
  );
}
