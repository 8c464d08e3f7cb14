/** Says what the file knows of a subject before its first record, and again where that changes. */
import { MAX_STRING_BYTES } from '../../../shared/base/limits.ts';
import { isPlainText } from '../../../shared/base/text.ts';
import type { InfoField, Plan } from '../plan/plan.ts';
import { cellText, type Row } from '../read/rows.ts';
import type { Line } from './line.ts';

/** Subjects whose info is remembered so that it is sent once; past this it is sent again, which changes nothing. */
const MAX_REMEMBERED = 200_000;

export class InfoLines {
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
