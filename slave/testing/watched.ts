/** A slave under watch: what it answers must be what brute force answers for some state that it may be in. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { IngestLine } from '../../shared/data/lines.ts';
import {
  type AskedQuery,
  answerOf,
  applyLines,
  arrange,
  type ModelState,
  type ModelSubject,
  type Share,
  subjectShares,
  subjectsOf,
} from './model.ts';
import type { Standalone } from './standalone.ts';

/** The second at which the first page is written; one more for every page. */
export const START = 1_700_000_000;

/** A slave and every state that it has been in, by brute force. */
export class Watched {
  readonly alone: Standalone;
  readonly states: ModelState[] = [new Map()];
  private readonly pending: (() => void)[] = [];
  /** Per subject the state that its last answer showed. */
  private readonly shown = new Map<string, number>();

  constructor(alone: Standalone) {
    this.alone = alone;
  }

  get newest(): number {
    return this.states.length - 1;
  }

  /** The state that the main thread has been told of. */
  get handed(): number {
    return this.newest - this.pending.length;
  }

  /** `after`: the state that the page leads to, where it is known. */
  write(page: readonly IngestLine[], after?: ModelState): void {
    const at = START + this.newest;
    this.states.push(after ?? applyLines(this.states[this.newest], page, at));
    this.pending.push(this.alone.write(page, at));
  }

  handOver(pages = Infinity): void {
    for (const handOver of this.pending.splice(0, pages)) handOver();
  }

  async check(asked: AskedQuery): Promise<void> {
    if (this.pending.length === 0) {
      expect(await this.alone.ask(asked)).toEqual(answerOf(this.states[this.newest], asked));
      for (const subject of subjectsOf(this.states[this.newest], asked)) this.shown.set(subject, this.newest);
    } else await this.checkBetween(uncut(asked));
  }

  /**
   * With news on their way, every subject shows its info and its observations as of one state from that handed over to the
   * newest, never an earlier one than before.
   */
  private async checkBetween(asked: AskedQuery): Promise<void> {
    const data = await this.alone.ask(asked);
    const subjects = new Set(this.states.slice(this.handed).flatMap((state) => subjectsOf(state, asked)));
    const shares = [...subjects].flatMap((subject) => {
      const own = rowsOf(data, asked, subject);
      for (let i = Math.max(this.handed, this.shown.get(subject) ?? 0); i <= this.newest; i++) {
        const seen = this.states[i].get(subject);
        const isAsked = seen !== undefined && subjectsOf(this.states[i], asked).includes(subject);
        const expected = isAsked ? subjectShares(subject, seen.info, seen, asked) : [];
        if (!isDeepStrictEqual(own, asRows(arrange(expected, asked), asked))) continue;
        this.shown.set(subject, i);
        return expected;
      }
      throw new Error(
        `${subject} shows no state from ${this.handed} to ${this.newest}: ${JSON.stringify(own)}`,
      );
    });
    if (isSortVisible(asked)) expect(data).toEqual(arrange(shares, asked));
  }

  /**
   * Asks, does other things while the answer is made, and checks: every subject comes once, as it was at some moment in
   * between (its info and its observations may be of two), and in its place.
   */
  async checkDuring(asked: AskedQuery, meanwhile: () => Promise<void>): Promise<void> {
    const first = this.handed;
    const answer = this.alone.ask(asked);
    await meanwhile();
    const data = await answer;
    const states = this.states.slice(first);
    const subjects = new Set(states.flatMap((state) => subjectsOf(state, asked)));
    const shares: Share[] = [];
    for (const subject of subjects) {
      const own = rowsOf(data, asked, subject);
      const found = possibleShares(states, subject, asked).find((possible) =>
        isDeepStrictEqual(own, asRows(arrange(possible, asked), asked)),
      );
      if (found === undefined) throw new Error(`${subject} was never as it is shown: ${JSON.stringify(own)}`);
      shares.push(...found);
    }
    expect(asRows(data, asked).length).toBe(asRows(arrange(shares, asked), asked).length);
    if (isSortVisible(asked)) expect(data).toEqual(arrange(shares, asked));
  }
}

/** What a subject may show, with its info of any of the states and its observations of any of them. */
function possibleShares(states: readonly ModelState[], subject: string, asked: AskedQuery): Share[][] {
  const own = states.map((state) =>
    subjectsOf(state, asked).includes(subject) ? state.get(subject) : undefined,
  );
  const infos = new Set(own.flatMap((one) => (one === undefined ? [] : [one.info])));
  const [anyInfo] = infos;
  const datas = new Set(states.map((state) => state.get(subject) ?? gone(anyInfo)));
  const shown = [...infos].flatMap((info) =>
    [...datas].map((data) => subjectShares(subject, info, data, asked)),
  );
  return own.includes(undefined) ? [...shown, []] : shown;
}

/** Without offset and limit, so that a missing row is one that is not there. */
function uncut(asked: AskedQuery): AskedQuery {
  return asked.kind === 'period' ? asked : { ...asked, offset: 0, limit: 10_000 };
}

/** The rows of one subject in an answer, in order; of a dated query with their dates. */
function rowsOf(data: unknown, asked: AskedQuery, subject: string): unknown[] {
  return asRows(data, asked).filter((row) => {
    const one = (asked.kind === 'dated' ? (row as [string, unknown])[1] : row) as {
      id?: string;
      subject?: { subject: string };
    };
    return (one.id ?? one.subject?.subject) === subject;
  });
}

function asRows(data: unknown, asked: AskedQuery): unknown[] {
  if (asked.kind === 'table') return (data as { rows: unknown[] }).rows;
  if (asked.kind !== 'dated') return data as unknown[];
  return Object.entries(data as Record<string, unknown[]>).flatMap(([date, rows]) =>
    rows.map((row) => [date, row]),
  );
}

/** Whether what rows are sorted by can be seen in them, so that it says which of several states they show. */
function isSortVisible(asked: AskedQuery): boolean {
  if (asked.kind === 'period' || asked.kind === 'table') return true;
  if (asked.kind === 'snapshot' && asked.field === 'report_date') return asked.withTime;
  return ['subject', 'name', 'listing_date', 'report_date', ...asked.ids].includes(asked.field);
}

function gone(info: ModelSubject['info']): ModelSubject {
  return { info, values: new Map(), periods: new Map() };
}
