/** Turns rows into ingest lines by a plan: one row at a time, and always the same lines for the same file. */
import { MAX_PERIOD_BYTES, MAX_STRING_BYTES } from '../../../shared/limits.ts';
import { isPlainText, isSubject } from '../../../shared/text.ts';
import type { InfoField, Plan } from '../plan/plan.ts';
import { parseObject } from '../read/json.ts';
import { cellText, excerpt, type Refusal, type Row, type Text } from '../read/rows.ts';
import { readNumber } from '../values/numbers.ts';

/** A line to be ingested and the line of the file that it came from. */
export interface Line {
  line: number;
  /** Its number among the rows, from 1; set when it joins a batch. */
  row?: number;
  text: string;
  /** How many values it writes. */
  observations: number;
  /** Set on subject lines that name topics: a subject's topics are replaced whole, so those it has are added before sending. */
  topics?: boolean;
}

export interface Converted {
  lines: Line[];
  refused: Refusal[];
}

/** Subjects whose info is remembered so that it is sent once; past this it is sent again, which changes nothing. */
const MAX_REMEMBERED = 1_000_000;
const SUBJECT_REASON = 'expected a subject of 1 to 128 bytes without commas';
const COMMA_REASON = 'expected a subject without commas; write it without in the file, and import that again';

/** The converter of a table. It remembers what it said about each subject, so rows must come in order. */
export function tableConverter(plan: Plan): (row: Row) => Converted {
  const info = new InfoLines(plan);
  return (row) => {
    const refused: Refusal[] = [];
    const lines: Line[] = [];
    const refuse = (at: number | string, reason: string, value?: unknown): void => {
      const column = typeof at === 'number' ? plan.columns[at] : at;
      refused.push({ line: row.line, reason: `${column}: ${reason}`, value: excerpt(value) });
    };
    const head = readHead(plan, row, refuse);
    if (head === undefined) return { lines, refused };
    const push = (subject: string, values: Record<string, number>): void => {
      const line = { type: 'record', subject, ...head.record, values };
      lines.push(...info.about(subject, row));
      lines.push({ line: row.line, text: JSON.stringify(line), observations: Object.keys(values).length });
    };

    if (plan.long !== undefined) longValue(plan, row, refuse, (values) => push(head.subject, values));
    else {
      const values: Record<string, number> = {};
      for (const { at, name } of plan.values) {
        const value = readNumber(row.cells[at], plan.decimal);
        if (Number.isNaN(value)) refuse(at, 'expected a number', row.cells[at]);
        else if (value === null) continue;
        else if (plan.layout === 'matrix') push(name, { [plan.indicator!]: value });
        else values[name] = value;
      }
      if (Object.keys(values).length > 0) push(head.subject, values);
    }
    // Guesses were made from the rows before; a column that only turns up now must not vanish silently.
    for (let at = plan.columns.length; plan.chosen === undefined && at < row.cells.length; at++) {
      if (cellText(row.cells[at]) !== '')
        refuse('late column', 'expected every column in the first rows; name it in --columns', row.cells[at]);
    }
    return { lines, refused };
  };
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

type Refuse = (at: number | string, reason: string, value?: unknown) => void;

interface Head {
  /** "" in a matrix, whose columns are the subjects. */
  subject: string;
  record: { time: number; declared?: number; period?: string };
}

/** What all values of a row share; undefined where the row has none, or had to be refused. */
function readHead(plan: Plan, row: Row, refuse: Refuse): Head | undefined {
  const texts = plan.time.at.map((at) => cellText(row.cells[at]));
  const time = plan.time.read(texts);
  if (time === undefined) {
    const { format } = plan.time;
    refuse(plan.time.at[0], `expected a time${format === 'text' ? '' : ` as ${format}`}`, texts.join(' '));
    return undefined;
  }
  let subject = '';
  if (plan.subject !== undefined) {
    subject =
      'name' in plan.subject
        ? plan.subject.name
        : plan.subject.at.map((at) => cellText(row.cells[at])).join(':');
    if (!isSubject(subject)) {
      const reason = subject.includes(',') ? COMMA_REASON : SUBJECT_REASON;
      refuse('at' in plan.subject ? plan.subject.at[0] : 'subject', reason, subject);
      return undefined;
    }
  }
  const record: Head['record'] = { time };
  const declaredText = plan.declared === undefined ? '' : cellText(row.cells[plan.declared.at]);
  if (declaredText !== '') {
    const declared = plan.declared!.read(declaredText);
    if (declared === undefined) {
      refuse(plan.declared!.at, 'expected a time from 1970 on', declaredText);
      return undefined;
    }
    record.declared = declared;
  }
  const period = plan.period === undefined ? '' : cellText(row.cells[plan.period]);
  if (isPlainText(period, MAX_PERIOD_BYTES)) {
    if (period !== '') record.period = period;
  } else refuse(plan.period!, `expected a code of at most ${MAX_PERIOD_BYTES} bytes`, period);
  return { subject, record };
}

function longValue(
  plan: Plan,
  row: Row,
  refuse: Refuse,
  push: (values: Record<string, number>) => void,
): void {
  const { indicator, value } = plan.long!;
  const column = cellText(row.cells[indicator]);
  const renamed = plan.chosen?.get(column);
  if (plan.chosen !== undefined && renamed === undefined) return;
  const number = readNumber(row.cells[value], plan.decimal);
  if (number === null) return;
  const name = Number.isNaN(number) ? undefined : plan.names.of(renamed || column);
  if (Number.isNaN(number)) refuse(value, 'expected a number', row.cells[value]);
  else if (name === undefined) refuse(indicator, 'expected an indicator, and at most 10,000 of them', column);
  else push({ [name]: number });
}

/** Says what the file knows of a subject before its first record, and again where that changes. */
class InfoLines {
  readonly #plan: Plan;
  readonly #said = new Map<string, { text: string; topics: string[] }>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  about(subject: string, row: Row): Line[] {
    const { info, topic } = this.#plan;
    if (info.length === 0 && topic === undefined) return [];
    const said = this.#said.get(subject);
    if (said !== undefined && info.length === 0) return [];
    const topics = new Set(said?.topics ?? (topic === undefined ? [] : [topic]));
    const fields: Partial<Record<InfoField, unknown>> = {};
    for (const { field, at } of info) {
      if (field === 'topics') for (const name of listOf(row.cells[at])) topics.add(name);
      else {
        const text = cellText(row.cells[at]);
        // Info decorates the data: a name that cannot be stored is left out rather than losing the row.
        if (text !== '' && isPlainText(text, MAX_STRING_BYTES)) fields[field] = text;
      }
    }
    if (topics.size > 0) fields.topics = [...topics];
    const text = JSON.stringify({ type: 'subject', subject, ...fields });
    if (Object.keys(fields).length === 0 || text === said?.text) return [];
    if (this.#said.size >= MAX_REMEMBERED) this.#said.clear();
    this.#said.set(subject, { text, topics: [...topics] });
    return [{ line: row.line, text, observations: 0, topics: topics.size > 0 }];
  }
}

function listOf(cell: unknown): string[] {
  const items = Array.isArray(cell) ? cell.map(cellText) : cellText(cell).split(/[,;|]/);
  return items
    .map((item) => item.trim())
    .filter((item) => item !== '' && isPlainText(item, MAX_STRING_BYTES));
}
