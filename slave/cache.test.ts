import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IngestLine } from '../shared/lines.ts';
import { largeLines, lines, marked, query } from './testing/arbitraries.ts';
import {
  type AskedQuery,
  answerOf,
  applyLines,
  arrange,
  type ModelState,
  subjectShares,
  subjectsOf,
} from './testing/model.ts';
import { createStandalone, type Standalone } from './testing/standalone.ts';

/** A slave and every state that it has been in, by brute force. */
class Watched {
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

  write(page: readonly IngestLine[]): void {
    const at = 1_700_000_000 + this.newest;
    this.states.push(applyLines(this.states[this.newest], page, at));
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
   * With news on their way, every subject shows its info as handed over, and its observations as of one state from there
   * to the newest, never an earlier one than before.
   */
  private async checkBetween(asked: AskedQuery): Promise<void> {
    const told = this.states[this.handed];
    const data = await this.alone.ask(asked);
    const shares = subjectsOf(told, asked).flatMap((subject) => {
      const own = rowsOf(data, asked, subject);
      for (let i = Math.max(this.handed, this.shown.get(subject) ?? 0); i <= this.newest; i++) {
        const seen = this.states[i].get(subject) ?? {
          ...told.get(subject)!,
          values: new Map(),
          periods: new Map(),
        };
        const expected = subjectShares(subject, told.get(subject)!.info, seen, asked);
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
}

type Step =
  | { do: 'write'; lines: IngestLine[] }
  | { do: 'hand over'; pages: number }
  | { do: 'ask'; query: AskedQuery }
  | { do: 'clear' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), lines }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('hand over' as const), pages: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('ask' as const), query }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
);

describe.each([
  ['a large cache', 64 * 1024 * 1024, true],
  ['room for one large subject and little more', 400 * 1024, true],
  ['room for next to nothing', 4 * 1024, false],
])('a slave with %s', (_size, cacheBytes, keepsLarge) => {
  let alone: Standalone;
  beforeAll(() => {
    alone = createStandalone(cacheBytes);
  });
  afterAll(() => alone.close());

  it('answers as brute force does, whatever is written, read and forgotten in between', async () => {
    let runs = 0;
    const large = largeLines();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 40 }), async (steps) => {
        const mark = `${runs++}:`;
        const watched = new Watched(alone);
        alone.cache.clear();
        watched.write(marked(large, mark));
        watched.handOver();
        for (const step of steps) {
          if (step.do === 'write') watched.write(marked(step.lines, mark));
          else if (step.do === 'hand over') watched.handOver(step.pages);
          else if (step.do === 'ask') await watched.check(marked(step.query, mark));
          else alone.cache.clear();
          expect(alone.cache.bytes).toBeLessThanOrEqual(cacheBytes);
        }
        watched.handOver();
        for (const step of steps) if (step.do === 'ask') await watched.check(marked(step.query, mark));
      }),
      { numRuns: 40 },
    );
    expect(alone.cache.counters.partial_hits > 50).toBe(keepsLarge);
    alone.cache.clear();
    expect(alone.cache.stats()).toMatchObject({ entries: 0, bytes: 0, row_bytes: 0, observations: 0 });
  });
});

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
