/** The requests of `docs/point-in-time.md` are answered as it says. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkLine } from '../shared/data/ingest.ts';
import { parseQueryBody } from '../shared/query/parse.ts';
import type { BodyKind } from '../shared/query/paths.ts';
import { createStandalone, type Standalone } from '../slave/testing/standalone.ts';

const page = readFileSync(new URL('../docs/point-in-time.md', import.meta.url), 'utf8');
const [, lines] = /```ndjson\n(.*?)```/s.exec(page)!;
const EXAMPLES = [...page.matchAll(/```http\nPOST data\/v1\/(\w+)\n(.*?)```\s+```json\n(.*?)```/gs)].map(
  ([, kind, body, answer]) => ({ kind: kind as BodyKind, body: body.trim(), answer }),
);

let alone: Standalone;
beforeAll(() => {
  alone = createStandalone();
  alone.write(
    lines
      .trim()
      .split('\n')
      .map((line) => checkLine(JSON.parse(line))),
  )();
});
afterAll(() => alone.close());

test('there are as many answers as requests', () => {
  expect(EXAMPLES.length).toBe(page.split('```http').length - 1);
});

test.each(EXAMPLES)('$kind $body', async ({ kind, body, answer }) => {
  expect(await alone.ask(parseQueryBody(kind, body))).toEqual(JSON.parse(answer));
});
