import { Dictionary, RecordBatchReader, tableFromIPC, Utf8 } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkWriter, type ColumnSpec, type Run, readChunk } from './columns.ts';
import { COLUMN_FORMATS, type ColumnFormatName } from './format.ts';

const SPECS: ColumnSpec[] = [
  { name: 'subject', type: 'dictionary' },
  { name: 'name', type: 'dictionary' },
  { name: 'time', type: 'timestamp' },
  { name: 'period', type: 'utf8' },
  { name: 'eps', type: 'float64' },
  { name: 'lag(eps,1)', type: 'float64' },
];

interface Row {
  info: [string, string];
  cells: [number, string, number, number];
}

const number = fc
  .oneof(fc.constant(Number.NaN), fc.double({ noNaN: true, noDefaultInfinity: true }))
  .map((value) => value + 0);
const seconds = fc.oneof(fc.constant(Number.NaN), fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }));
const text = fc.oneof(
  fc.constantFrom('', 'a,b', 'a "b"', '同花顺', '😀'),
  fc.string({ maxLength: 8, unit: 'grapheme' }),
);
const row: fc.Arbitrary<Row> = fc.record({
  info: fc.constantFrom<[string, string]>(
    ['a', 'A, "B"'],
    ['ü:1', ''],
    ['c', 'A, "B"'],
    ['d', 'line\nbreak'],
  ),
  cells: fc.tuple(seconds, text, number, number),
});

/** Rows as a slave sends them, in chunks, and as a gateway reads them. */
function runsOf(rows: readonly Row[], perChunk: number): Run[] {
  const runs: Run[] = [];
  for (let from = 0; from < rows.length; from += perChunk) {
    const writer = new ChunkWriter(SPECS);
    let last: Row | undefined;
    for (const one of rows.slice(from, from + perChunk)) {
      if (one.info !== last?.info) writer.begin(one.info, { time: 1 });
      writer.add(one.cells);
      last = one;
    }
    runs.push(...readChunk(writer.finish(), SPECS).runs);
  }
  return runs;
}

function encoded(format: ColumnFormatName, runs: readonly Run[]): Buffer {
  const encoder = COLUMN_FORMATS[format].createEncoder(SPECS);
  const parts = [encoder.start(runs.map(({ info }) => info))];
  for (const run of runs) {
    const bytes = encoder.add(run);
    if (bytes !== undefined) parts.push(bytes);
  }
  return Buffer.concat([...parts, encoder.finish()]);
}

/** NaN stands for no value. */
const plain = ({ info, cells }: Row) =>
  [...info, ...cells].map((cell) => (typeof cell === 'number' && Number.isNaN(cell) ? null : cell));

describe('rows that went through chunks', () => {
  it('come out of Arrow as they went in', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), fc.integer({ min: 1, max: 20 }), (rows, perChunk) => {
        const table = tableFromIPC(encoded('arrow', runsOf(rows, perChunk)));
        const columns = SPECS.map(({ name }) => table.getChild(name)!);
        const got = rows.map((_, i) =>
          columns.map((column, c) => {
            const cell = column.get(i);
            return SPECS[c].type === 'timestamp' && cell !== null ? Number(cell) / 1000 : cell;
          }),
        );
        expect(table.numRows).toBe(rows.length);
        expect(got).toEqual(rows.map(plain));
      }),
    );
  });

  it('come out of NDJSON as they went in', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), fc.integer({ min: 1, max: 20 }), (rows, perChunk) => {
        const lines = encoded('ndjson', runsOf(rows, perChunk)).toString().split('\n');
        expect(lines.pop()).toBe('');
        expect(lines.map((line) => Object.values(JSON.parse(line)))).toEqual(rows.map(plain));
        for (const line of lines)
          expect(Object.keys(JSON.parse(line))).toEqual(SPECS.map(({ name }) => name));
      }),
    );
  });
});

describe('an Arrow stream', () => {
  it('has the types that were promised, also where there is no row', () => {
    const { schema } = tableFromIPC(encoded('arrow', []));
    expect(schema.fields.map(({ name }) => name)).toEqual(SPECS.map(({ name }) => name));
    const [subject, , time, period, eps] = schema.fields.map(({ type }) => type);
    expect(subject).toBeInstanceOf(Dictionary);
    expect(subject.dictionary).toBeInstanceOf(Utf8);
    expect(String(time)).toBe('Timestamp<SECOND, UTC>');
    expect(period).toBeInstanceOf(Utf8);
    expect(String(eps)).toBe('Float64');
  });

  it('has batches of about a megabyte, each readable by itself', () => {
    const rows = Array.from(
      { length: 100_000 },
      (_, i): Row => ({ info: ['a', 'A'], cells: [i, 'p', i / 2, Number.NaN] }),
    );
    const bytes = encoded('arrow', runsOf(rows, 5_000));
    const batches = [...RecordBatchReader.from(bytes)];
    expect(batches.length).toBeGreaterThan(3);
    expect(Math.max(...batches.map(({ numRows }) => numRows * 48))).toBeLessThan(2 * 1024 * 1024);
    const last = batches.at(-1)!;
    expect(last.getChild('eps')!.get(last.numRows - 1)).toBe(99_999 / 2);
  });
});

describe('CSV', () => {
  it('quotes what must be quoted and nothing else, and leaves cells without a value empty', () => {
    const rows: Row[] = [
      { info: ['a', 'A, "B"'], cells: [0, '', 1e21, -0.5] },
      { info: ['d', 'line\nbreak'], cells: [Number.NaN, "it's; fine", Number.NaN, 1e-7] },
      { info: ['ü:1', ''], cells: [-62_135_596_800, '同花顺', 0, 12345678901] },
    ];
    expect(encoded('csv', runsOf(rows, 2)).toString()).toBe(
      [
        'subject,name,time,period,eps,"lag(eps,1)"',
        'a,"A, ""B""",1970-01-01 00:00:00,,1e+21,-0.5',
        'd,"line\nbreak",,it\'s; fine,,1e-7',
        'ü:1,,0001-01-01 00:00:00,同花顺,0,12345678901',
        '',
      ].join('\n'),
    );
  });
});
