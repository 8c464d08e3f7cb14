import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkLine } from '../../shared/data/ingest.ts';
import { parseQueryParams, parseSubjectsParams } from '../../shared/query/params.ts';
import { parseQueryBody } from '../../shared/query/parse.ts';
import type { BodyKind } from '../../shared/query/paths.ts';
import type { Query } from '../../shared/query/query.ts';
import { createStandalone, type Standalone } from '../testing/standalone.ts';

interface Case {
  name: string;
  endpoint: string;
  method?: 'GET';
  body?: unknown;
  query?: string;
  /** What the answer is written in; absent = JSON. */
  format?: string;
  data: unknown;
}

const DATA = new URL('../../test/conformance/', import.meta.url);
/** Other endpoints are the gateway's. */
const KIND_OF: Record<string, BodyKind> = {
  snapshot: 'snapshot',
  period: 'period',
  panel: 'panel',
  'selection/snapshot': 'selection_snapshot',
  'selection/period': 'selection_period',
};

describe.each(['', 'more/', 'round2/'])('conformance cases of %j on one slave', (folder) => {
  let alone: Standalone;
  const cases = readLines<Case>(`${folder}cases.ndjson`).filter(
    ({ endpoint, format }) => format === undefined && (endpoint in KIND_OF || endpoint === 'subjects'),
  );

  beforeAll(() => {
    alone = createStandalone();
    const lines = readLines<unknown>(`${folder}dataset.ndjson`).map(checkLine);
    // Several pages, the later ones while some subjects are cached already.
    for (let i = 0; i < lines.length; i += 1_000) alone.write(lines.slice(i, i + 1_000))();
  });
  afterAll(() => alone.close());

  it.each(['cold', 'warm', 'with a small cache'])('answers every case exactly, %s', async (state) => {
    if (state !== 'warm') alone.cache.clear();
    for (const one of cases) {
      expect(await alone.ask(queryOf(one)), `${one.name} ${JSON.stringify(one.body ?? one.query)}`).toEqual(
        one.data,
      );
      if (state === 'with a small cache') alone.cache.clear();
    }
  });
});

function queryOf({ endpoint, method, query = '', body }: Case): Query {
  if (endpoint === 'subjects') return parseSubjectsParams(query).query;
  const kind = KIND_OF[endpoint];
  return method === 'GET' ? parseQueryParams(kind, query).query : parseQueryBody(kind, JSON.stringify(body));
}

function readLines<T>(name: string): T[] {
  return readFileSync(new URL(name, DATA), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
