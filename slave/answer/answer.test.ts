import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IngestLine } from '../../shared/data/lines.ts';
import { parseQueryBody, type RowKind } from '../../shared/query/parse.ts';
import { createStandalone, type Standalone } from '../testing/standalone.ts';

interface Case {
  name: string;
  endpoint: string;
  body: unknown;
  data: unknown;
}

const DATA = new URL('../../test/conformance/', import.meta.url);

describe.each(['', 'more/'])('conformance cases of %j on one slave', (folder) => {
  let alone: Standalone;
  const cases = readLines<Case>(`${folder}cases.ndjson`);

  beforeAll(() => {
    alone = createStandalone();
    const lines = readLines<IngestLine>(`${folder}dataset.ndjson`);
    // Several pages, the later ones while some subjects are cached already.
    for (let i = 0; i < lines.length; i += 1_000) alone.write(lines.slice(i, i + 1_000))();
  });
  afterAll(() => alone.close());

  it.each(['cold', 'warm', 'with a small cache'])('answers every case exactly, %s', async (state) => {
    if (state !== 'warm') alone.cache.clear();
    for (const { name, endpoint, body, data } of cases) {
      const query = parseQueryBody(endpoint.replace('/', '_') as RowKind, JSON.stringify(body));
      expect(await alone.ask(query), name).toEqual(data);
      if (state === 'with a small cache') alone.cache.clear();
    }
  });
});

function readLines<T>(name: string): T[] {
  return readFileSync(new URL(name, DATA), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
