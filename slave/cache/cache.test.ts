import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IngestLine } from '../../shared/data/lines.ts';
import { largeLines, lines, marked, query } from '../testing/arbitraries.ts';
import { type AskedQuery, applyLines, type ModelState } from '../testing/model.ts';
import { createStandalone, type Standalone } from '../testing/standalone.ts';
import { START, Watched } from '../testing/watched.ts';

const LARGE_LINES = largeLines();
const [[LARGE, LARGE_SUBJECT]] = applyLines(new Map(), LARGE_LINES, START);

/** The state after `LARGE_LINES`, whose subject is marked. */
function largeState(mark: string): ModelState {
  const name = `${mark}${LARGE}`;
  return new Map([[name, { ...LARGE_SUBJECT, info: { ...LARGE_SUBJECT.info, name } }]]);
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
  ['room for one large subject and little more', 200 * 1024, true],
  ['room for next to nothing', 4 * 1024, false],
])('a slave with %s', (_size, cacheBytes, keepsLarge) => {
  let alone: Standalone;
  beforeAll(() => {
    alone = createStandalone(cacheBytes);
  });
  afterAll(() => alone.close());

  it('answers as brute force does, whatever is written, read and forgotten in between', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 40 }), async (steps) => {
        const mark = `${runs++}:`;
        const watched = new Watched(alone);
        alone.cache.clear();
        watched.write(marked(LARGE_LINES, mark), largeState(mark));
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
      { numRuns: 30 },
    );
    // Ranges and as-of reads of the large subject found some of what they needed, and read the rest.
    expect(alone.cache.counters.partial_hits > 10).toBe(keepsLarge);
    alone.cache.clear();
    expect(alone.cache.stats()).toMatchObject({ entries: 0, bytes: 0, row_bytes: 0, observations: 0 });
  }, 90_000);
});
