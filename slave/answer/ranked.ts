/**
 * Snapshots of whole topics ranked by values of any kind: what rows are sorted by and what their condition compares are columns
 * of the topic's latest values, so that members that get no place are not looked at.
 */
import { compares, Evaluator } from '../../shared/answer/evaluator.ts';
import { type Node, type Program, programOf, type Test } from '../../shared/answer/program.ts';
import { type SnapshotRows, viewOf } from '../../shared/answer/valued.ts';
import { MIN_TIME } from '../../shared/base/limits.ts';
import { compareText } from '../../shared/base/text.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type { SnapshotQuery } from '../../shared/query/query.ts';
import type { Need } from '../cache/entry.ts';
import { type Candidate, LATEST, look } from './pool.ts';
import type { ColumnSource, RankColumns } from './ranking.ts';
import { type Sources, SUBJECTS_A_STEP, type Work } from './rows.ts';
import { Top } from './top.ts';

/** Each column costs a look at every member when it is first used: a condition of more is evaluated row by row. */
const MAX_COLUMNS_A_QUERY = 8;

/**
 * The first `offset + limit` rows; undefined where columns cannot tell: rows beyond those with a sort value, and anything but
 * the latest values of all members. `counted`: members that count as looked up already.
 */
export function* rankedByColumns(
  { directory, cache, rankings }: Sources,
  query: SnapshotQuery,
  need: Need,
  slots: SlotSet | undefined,
  evaluated: SnapshotRows,
  counted: Set<string>,
): Work<Candidate[] | undefined> {
  const { pool, timestamp, asOf, offset, limit, descending } = query;
  if ('subjects' in pool || pool.tag !== undefined || pool.subject !== undefined) return undefined;
  if (timestamp !== 0 || asOf !== 0) return undefined;
  const program = programOf(query);
  // Where what rows are sorted by is none of their values, having it does not make a row.
  if (program.sortItem < 0 || program.align || program.maxAge !== Infinity) return undefined;
  const nodes = columnsOf(program);
  if (nodes.length > MAX_COLUMNS_A_QUERY) return undefined;
  const columns = yield* rankings.columns(pool.topic, sourcesOf(query, program, nodes), counted);
  if (columns === undefined) return undefined;
  const { members } = columns;
  const keys = columns.values[0];
  const holds = new ColumnTest(program.where, nodes, columns);
  const sign = descending ? -1 : 1;
  const size = offset + limit;
  const top = new Top<number>(
    size,
    (a, b) => sign * (keys[a] - keys[b]) || compareText(members[a].subject, members[b].subject),
  );
  let asked = 0;
  let found = 0;
  let uncounted = 0;
  for (let i = 0; i < members.length; i++) {
    if (slots?.has(members[i].slot) === false) continue;
    if (!counted.has(members[i].subject)) uncounted++;
    if (!holds.at(i)) continue;
    asked++;
    if (Number.isNaN(keys[i])) continue;
    found++;
    top.add(i);
  }
  // With one item a row without a sort value is none.
  if (program.items.length > 1 && found < Math.min(size, asked)) return undefined;
  // Copies: the columns go on changing while the rows are looked up.
  const places = top.sorted().map((i) => ({ record: members[i], key: keys[i] }));
  const best: Candidate[] = [];
  for (const [place, { record: listed, key }] of places.entries()) {
    const looked = look({ directory, cache }, listed, need, pool, LATEST, counted.has(listed.subject));
    if (looked === undefined) return undefined;
    const { record, entry } = looked;
    if (!counted.has(record.subject)) uncounted--;
    counted.add(record.subject);
    const { block } = entry;
    // Written to since it was ranked: its values would not fit its place.
    yield* evaluated.prepare(block);
    if (evaluated.key(record, block) !== key) return undefined;
    best.push({ key, record, entry, block });
    if (place % SUBJECTS_A_STEP === SUBJECTS_A_STEP - 1) yield;
  }
  // Of those that did not get a place only the columns were needed.
  cache.countHits(uncounted, uncounted * nodes.length);
  return best;
}

/** What is needed of every member: first what rows are sorted by, then what their condition compares. */
function columnsOf({ items, sortItem, where }: Program): Node[] {
  const nodes = new Set([items[sortItem]]);
  const add = (test: Test): void => {
    if (test.kind === 'compare') {
      for (const side of [test.left, test.right]) if (side.operation !== 'number') nodes.add(side);
    } else if (test.kind === 'not') add(test.of);
    else {
      add(test.left);
      add(test.right);
    }
  };
  if (where !== undefined) add(where);
  return [...nodes];
}

function sourcesOf(query: SnapshotQuery, program: Program, nodes: readonly Node[]): ColumnSource[] {
  const view = viewOf(query);
  const evaluator = new Evaluator(program);
  return nodes.map((node) => ({
    key: `${node.text} ${view.first} ${view.requireDeclared}`,
    need: { kind: 'range', columns: program.indicators, from: MIN_TIME, to: Infinity },
    read(block) {
      evaluator.open(block, view);
      return evaluator.value(node, Infinity);
    },
  }));
}

/** A condition over columns. */
class ColumnTest {
  private readonly test: Test | undefined;
  private readonly values = new Map<Node, Float64Array>();

  constructor(test: Test | undefined, nodes: readonly Node[], columns: RankColumns) {
    this.test = test;
    for (const [i, node] of nodes.entries()) this.values.set(node, columns.values[i]);
  }

  /** Whether it is true of a member. */
  at(member: number): boolean {
    return this.test === undefined || this.holds(this.test, member);
  }

  private holds(test: Test, member: number): boolean {
    switch (test.kind) {
      case 'compare':
        return compares(test.operator, this.valueOf(test.left, member), this.valueOf(test.right, member));
      case 'not':
        return !this.holds(test.of, member);
      case 'and':
        return this.holds(test.left, member) && this.holds(test.right, member);
      case 'or':
        return this.holds(test.left, member) || this.holds(test.right, member);
    }
  }

  private valueOf(node: Node, member: number): number {
    return node.operation === 'number' ? node.number : this.values.get(node)![member];
  }
}
