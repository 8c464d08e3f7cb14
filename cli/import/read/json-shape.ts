/** The ways of writing a table in JSON, found in the outline of a document. */
import { isValue } from './header.ts';
import type { Container, Outline, Path } from './json-outline.ts';

/** A place in a document that holds a table. */
export interface Candidate {
  shape:
    | 'records'
    /** An array of arrays, the first of which has the names. */
    | 'grid'
    /** An array per column. */
    | 'columns'
    /** Arrays without names: a table that cannot be read. */
    | 'nameless'
    /** pandas: `columns`, `index` and `data`, and what others call them. */
    | 'split'
    /** An object per row, under the row's name. */
    | 'index'
    /** An object per column, which has a value under each row's name. */
    | 'dicts';
  path: Path;
  node: Container;
  rows: number;
}

const NAMES = ['columns', 'fields', 'column_names', 'headers', 'header'];
const ROWS = ['data', 'items', 'rows', 'values', 'records'];
const LABEL = /^(\d+|\d{4}-\d{2}(-\d{2}.*)?|\d{4}\/\d{1,2}\/\d{1,2}.*|\d{4}-?Q[1-4])$/;

/** The tables in a value. */
export function candidates(node: Outline, path: Path): Candidate[] {
  if (node.kind === 'scalar' || node.count === 0) return [];
  return node.kind === 'array' ? inArray(node, path) : inObject(node, path);
}

/** Whether an object may be a row: it has a value that is no container. */
export function isRecord(node: Outline): boolean {
  return node.kind === 'object' && [...node.entries.values()].some(({ kind }) => kind === 'scalar');
}

function inArray(node: Container, path: Path): Candidate[] {
  const items = [...node.entries.values()];
  if (items.every(isRecord)) {
    const nested = within(node, path).filter(({ rows }) => rows > node.count);
    return [{ shape: 'records', path, node, rows: node.count }, ...nested];
  }
  if (node.count > 1 && items.every(isList)) {
    const isNamed = isNames(items[0] as Container);
    return [{ shape: isNamed ? 'grid' : 'nameless', path, node, rows: node.count - (isNamed ? 1 : 0) }];
  }
  return within(node, path);
}

function inObject(node: Container, path: Path): Candidate[] {
  const get = (key: string): Outline | undefined => node.entries.get(key);
  const split = splitKeys(node.entries.keys());
  const names = split && get(split.names);
  const lists = split && get(split.rows);
  if (
    names !== undefined &&
    isList(names) &&
    lists?.kind === 'array' &&
    [...lists.entries.values()].every(isList)
  )
    return [{ shape: 'split', path, node, rows: lists.count }];
  const [data, schema] = [get('data'), get('schema')];
  // pandas' `table`: the fields of the schema are no rows.
  if (schema?.kind === 'object' && schema.entries.has('fields') && data?.kind === 'array')
    return candidates(data, [...path, 'data']);
  const found = asColumns(node, path) ?? asDicts(node, path);
  return found === undefined ? within(node, path) : [found];
}

/** Under which keys an object has the names of its columns, and its rows. */
export function splitKeys(keys: Iterable<string | number>): { names: string; rows: string } | undefined {
  const all = [...keys];
  const names = NAMES.find((key) => all.includes(key));
  const rows = ROWS.find((key) => all.includes(key));
  return names === undefined || rows === undefined ? undefined : { names, rows };
}

function within(node: Container, path: Path): Candidate[] {
  return [...node.entries].flatMap(([key, value]) => candidates(value, [...path, key]));
}

/** Arrays of one length, at least two of them. Where there are arrays of another length too, it is those with most columns. */
function asColumns(node: Container, path: Path): Candidate | undefined {
  const lists = listsBelow(node);
  const lengths = [...new Set(lists.map(({ count }) => count))];
  const tables = lengths.filter((length) => lists.filter(({ count }) => count === length).length > 1);
  const [rows] = tables;
  return tables.length === 1 ? { shape: 'columns', path, node, rows } : undefined;
}

/** The arrays of values within an object, and within arrays that have only one element and are no rows. */
function listsBelow(node: Container): Container[] {
  return [...node.entries.values()].flatMap((value) => {
    if (value.kind === 'scalar') return [];
    if (isList(value)) return [value];
    const isOpen = value.kind === 'object' ? isDeep(value) : isLone(value);
    return isOpen ? listsBelow(value) : [];
  });
}

/** Whether an array has one element, which is no row. */
function isLone(node: Container): boolean {
  const [only] = node.entries.values();
  return node.count === 1 && !isRecord(only);
}

/** Whether there are more containers in an object. */
function isDeep(node: Container): boolean {
  return [...node.entries.values()].some(({ kind }) => kind !== 'scalar');
}

function asDicts(node: Container, path: Path): Candidate | undefined {
  const values = [...node.entries.values()];
  const isDict = (value: Outline): value is Container =>
    value.kind === 'object' && value.count > 0 && !isDeep(value);
  if (!values.every(isDict)) return undefined;
  const outer = [...node.entries.keys()].every(isLabel);
  const inner = values.every(({ entries }) => [...entries.keys()].every(isLabel));
  const mixed = values.some(({ entries }) => {
    const types = [...entries.values()].map((cell) => (cell.kind === 'scalar' ? typeof cell.value : ''));
    return types.includes('string') && types.includes('number');
  });
  if (outer !== inner) {
    return outer
      ? { shape: 'index', path, node, rows: node.count }
      : { shape: 'dicts', path, node, rows: Math.max(...values.map(({ count }) => count)) };
  }
  // Under each key is a text as well as a number: a column would have one or the other.
  return !outer && mixed && node.count > 1 ? { shape: 'index', path, node, rows: node.count } : undefined;
}

/** A number or a date: what rows are called, not columns. */
export function isLabel(key: string | number): boolean {
  return LABEL.test(String(key));
}

function isList(node: Outline): boolean {
  return (
    node.kind === 'array' &&
    node.count > 0 &&
    [...node.entries.values()].every(({ kind }) => kind === 'scalar')
  );
}

function isNames(node: Container): boolean {
  return [...node.entries.values()].every(
    (cell) => cell.kind === 'scalar' && typeof cell.value === 'string' && !isValue(cell.value),
  );
}
