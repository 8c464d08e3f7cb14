/** Turns rows into ingest lines by a plan: one row at a time, and always the same lines for the same file. */
import { MAX_PERIOD_BYTES } from '../../../shared/base/limits.ts';
import { isPlainText, isSubject } from '../../../shared/base/text.ts';
import type { Plan, ValueColumn } from '../plan/plan.ts';
import { parseObject } from '../read/json.ts';
import { cellText, excerpt, type Row, type Text } from '../read/rows.ts';
import { InfoLines } from './info-lines.ts';
import type { Converted } from './line.ts';

/** Told of every value: what it is the value of, and the value. */
export type Watch = (
  subject: string,
  time: number,
  declared: number,
  indicator: string,
  value: number,
) => void;

const SUBJECT_REASON = 'expected a subject of 1 to 128 bytes without commas';
const COMMA_REASON = 'expected a subject without commas; write it without in the file, and import that again';

type Refuse = (at: number | string, reason: string, value?: unknown) => void;
type Push = (subject: string, time: number, values: Record<string, number>) => void;

/** The converter of a table. It remembers what it said about each subject, so rows must come in order. */
export function tableConverter(plan: Plan, watch?: Watch): (row: Row) => Converted {
  return plan.member === undefined ? valueConverter(plan, watch) : memberConverter(plan, watch);
}

/** Lines that are in the ingest format already go as they are. */
export function convertIngestLine({ line, text }: Text): Converted {
  const object = parseObject(text);
  if (object === undefined)
    return { lines: [], refused: [{ line, reason: 'line: expected a JSON object', value: excerpt(text) }] };
  const values = object.type === 'record' ? object.values : undefined;
  const observations = typeof values === 'object' && values !== null ? Object.keys(values).length : 0;
  return { lines: [{ line, text, observations }], refused: [] };
}

function valueConverter(plan: Plan, watch: Watch | undefined): (row: Row) => Converted {
  const info = new InfoLines(plan);
  const readTime = rememberLast(plan.time?.read);
  const readDeclared = declaredReader(plan);
  return (row) => {
    const converted: Converted = { lines: [], refused: [] };
    const refuse = refuser(plan, row, converted);
    const subject = subjectOf(plan, row, refuse);
    if (subject === undefined) return converted;
    let time: number | undefined;
    if (plan.time !== undefined) {
      const texts = plan.time.at.map((at) => cellText(row.cells[at]));
      time = readTime(texts);
      if (time === undefined) {
        const { format } = plan.time;
        refuse(
          plan.time.at[0],
          `expected a time${format === 'text' ? '' : ` as ${format}`}`,
          texts.join(' '),
        );
        return converted;
      }
    }
    const declared = readDeclared(row, refuse);
    if (declared === undefined) return converted;
    const period = periodOf(plan, row, refuse);
    const push: Push = (name, moment, values) => {
      for (const line of info.about(name, row)) converted.lines.push(line);
      const names = Object.keys(values);
      if (watch !== undefined) for (const each of names) watch(name, moment, declared, each, values[each]);
      const line = {
        type: 'record',
        subject: name,
        time: moment,
        declared: declared === 0 ? undefined : declared,
        period,
        values,
      };
      converted.lines.push({ line: row.line, text: JSON.stringify(line), observations: names.length });
    };
    if (plan.long !== undefined) longValue(plan, row, refuse, (values) => push(subject, time!, values));
    else if (plan.layout === 'times')
      timesValues(plan, row, time, refuse, (moment, values) => push(subject, moment, values));
    else if (plan.layout === 'matrix')
      matrixValues(plan, row, refuse, (name, values) => push(name, time!, values));
    else wideValues(plan, row, refuse, (values) => push(subject, time!, values));
    refuseLateColumns(plan, row, refuse);
    if (declared === 0 && plan.declared !== undefined && converted.lines.length > 0)
      converted.undeclared = true;
    return converted;
  };
}

/** Rows that are intervals of membership. */
function memberConverter(plan: Plan, watch: Watch | undefined): (row: Row) => Converted {
  const { topic, from, to, index } = plan.member!;
  const readDeclared = declaredReader(plan);
  return (row) => {
    const converted: Converted = { lines: [], refused: [] };
    const refuse = refuser(plan, row, converted);
    const subject = subjectOf(plan, row, refuse);
    if (subject === undefined) return converted;
    const named = index === undefined ? '' : cellText(row.cells[index.at]);
    if (index !== undefined && named !== index.name) {
      refuse(
        index.at,
        `expected ${index.name} as in the first row; import each index with a command of its own`,
        named,
      );
      return converted;
    }
    const first = from.read(cellText(row.cells[from.at]));
    if (first === undefined) {
      refuse(from.at, 'expected a time', row.cells[from.at]);
      return converted;
    }
    const text = to.at < 0 ? '' : cellText(row.cells[to.at]);
    const isOpen = text === '' || plan.missing.has(text);
    const end = isOpen ? null : to.read(text);
    if (end === undefined || (end !== null && end < first)) {
      refuse(
        to.at,
        end === undefined
          ? 'expected a time, or nothing'
          : `expected a time from ${plan.columns[from.at]} on`,
        text,
      );
      return converted;
    }
    const declared = readDeclared(row, refuse);
    if (declared === undefined) return converted;
    if (declared === 0 && plan.declared !== undefined) converted.undeclared = true;
    watch?.(subject, first, declared, topic, end ?? Number.MAX_SAFE_INTEGER);
    const line = {
      type: 'member',
      topic,
      subject,
      from: first,
      to: end,
      declared: declared === 0 ? undefined : declared,
    };
    converted.lines.push({ line: row.line, text: JSON.stringify(line), observations: 1 });
    return converted;
  };
}

function refuser(plan: Plan, row: Row, converted: Converted): Refuse {
  return (at, reason, value) => {
    const column = typeof at === 'number' ? plan.columns[at] : at;
    converted.refused.push({ line: row.line, reason: `${column}: ${reason}`, value: excerpt(value) });
  };
}

/** "" in a matrix, whose columns are the subjects; undefined where the row had to be refused. */
function subjectOf(plan: Plan, row: Row, refuse: Refuse): string | undefined {
  if (plan.subject === undefined) return '';
  if ('name' in plan.subject) return plan.subject.name;
  const { at } = plan.subject;
  const subject =
    at.length === 1 ? cellText(row.cells[at[0]]) : at.map((column) => cellText(row.cells[column])).join(':');
  if (isSubject(subject)) return subject;
  refuse(at[0], subject.includes(',') ? COMMA_REASON : SUBJECT_REASON, subject);
  return undefined;
}

/** The latest of the row's times of publication, 0 where none is set, undefined where the row had to be refused. */
function declaredReader({ declared, missing }: Plan): (row: Row, refuse: Refuse) => number | undefined {
  if (declared === undefined) return () => 0;
  const readers = declared.read.map((read) => rememberLast(([text]) => read(text)));
  return (row, refuse) => {
    let latest = 0;
    for (const [i, at] of declared.at.entries()) {
      const text = cellText(row.cells[at]);
      if (text === '' || missing.has(text)) continue;
      const time = readers[i]([text]);
      if (time === undefined) {
        refuse(at, 'expected a time from 1970 on', text);
        return undefined;
      }
      latest = Math.max(latest, time);
    }
    return latest;
  };
}

/** Neighbouring rows are often of one time, and texts cost most of all to read. */
function rememberLast(
  read: ((texts: string[]) => number | undefined) | undefined,
): (texts: string[]) => number | undefined {
  let last: string[] = [];
  let time: number | undefined;
  return (texts) => {
    if (texts.length === last.length && texts.every((text, i) => text === last[i])) return time;
    last = texts;
    time = read?.(texts);
    return time;
  };
}

function periodOf(plan: Plan, row: Row, refuse: Refuse): string | undefined {
  if (plan.period === undefined) return undefined;
  const period = cellText(row.cells[plan.period]);
  if (isPlainText(period, MAX_PERIOD_BYTES)) return period === '' ? undefined : period;
  refuse(plan.period, `expected a code of at most ${MAX_PERIOD_BYTES} bytes`, period);
  return undefined;
}

/** A column's value; null where there is none or it was refused. */
function numberIn({ at, read }: ValueColumn, row: Row, refuse: Refuse): number | null {
  const value = read(row.cells[at]);
  if (!Number.isNaN(value)) return value;
  refuse(at, 'expected a number', row.cells[at]);
  return null;
}

function wideValues(
  plan: Plan,
  row: Row,
  refuse: Refuse,
  push: (values: Record<string, number>) => void,
): void {
  const values: Record<string, number> = {};
  let isEmpty = true;
  for (const column of plan.values) {
    const value = numberIn(column, row, refuse);
    if (value === null) continue;
    values[column.name] = value;
    isEmpty = false;
  }
  if (!isEmpty) push(values);
}

function matrixValues(
  plan: Plan,
  row: Row,
  refuse: Refuse,
  push: (subject: string, values: Record<string, number>) => void,
): void {
  for (const column of plan.values) {
    const value = numberIn(column, row, refuse);
    if (value !== null) push(column.name, { [plan.indicator as string]: value });
  }
}

function timesValues(
  plan: Plan,
  row: Row,
  base: number | undefined,
  refuse: Refuse,
  push: (time: number, values: Record<string, number>) => void,
): void {
  const { indicator } = plan;
  for (const column of plan.values) {
    const value = numberIn(column, row, refuse);
    if (value === null) continue;
    const text = typeof indicator === 'object' ? cellText(row.cells[indicator.at]) : undefined;
    const name = text === undefined ? (indicator as string) : plan.names.of(text);
    const time = column.time!(base);
    if (name === undefined) {
      const { at } = indicator as { at: number };
      refuse(at, 'expected an indicator, and at most 10,000 of them', text);
      return;
    }
    if (time === undefined) refuse(column.at, 'expected a time in the heading', plan.columns[column.at]);
    else push(time, { [name]: value });
  }
}

function longValue(
  plan: Plan,
  row: Row,
  refuse: Refuse,
  push: (values: Record<string, number>) => void,
): void {
  const { indicator, value, read } = plan.long!;
  const column = cellText(row.cells[indicator]);
  const renamed = plan.chosen?.get(column);
  if (plan.chosen !== undefined && renamed === undefined) return;
  const number = read(row.cells[value]);
  if (number === null) return;
  const name = Number.isNaN(number) ? undefined : plan.names.of(renamed || column);
  if (Number.isNaN(number)) refuse(value, 'expected a number', row.cells[value]);
  else if (name === undefined) refuse(indicator, 'expected an indicator, and at most 10,000 of them', column);
  else push({ [name]: number });
}

/** Guesses were made from the rows before; a column that only turns up now must not vanish silently. */
function refuseLateColumns(plan: Plan, row: Row, refuse: Refuse): void {
  if (plan.chosen !== undefined) return;
  for (let at = plan.columns.length; at < row.cells.length; at++) {
    if (cellText(row.cells[at]) !== '')
      refuse('late column', 'expected every column in the first rows; name it in --columns', row.cells[at]);
  }
}
