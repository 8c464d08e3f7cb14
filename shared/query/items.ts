/** The items of `ids`: indicators and expressions, with names or without; and what `field` and `where` make of those names. */
import { badRequest, KamaitachiError, show } from '../base/errors.ts';
import { MAX_CONDITION_BYTES, MAX_IDS, MAX_ITEM_BYTES } from '../base/limits.ts';
import { AN_INDICATOR, isIndicator, utf8Bytes } from '../base/text.ts';
import { type Condition, type Expression, type Item, indicatorsOf } from './expression.ts';
import { type Names, readCondition, readExpression } from './read-expression.ts';

export interface Items {
  /** In the order asked. */
  keys: string[];
  /** Where at least one item is an expression: all of them, in the order asked. */
  items: Item[] | undefined;
  /** What the names of items stand for. */
  names: Names;
}

const NO_NAMES: Names = new Map();
const BLANKS_AT_ENDS = /^ +| +$/g;

/** Splits `ids` at the commas outside of parentheses. */
export function splitItems(text: string): string[] {
  if (!text.includes('(')) return text.split(',');
  const items: string[] = [];
  let levels = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '(') levels++;
    else if (char === ')' && levels > 0) levels--;
    else if (char === ',' && levels === 0) {
      items.push(text.slice(start, i));
      start = i + 1;
    }
  }
  items.push(text.slice(start));
  return items;
}

/** `texts`: items without blanks at their ends, each once. `expected`: what an error says of too many. */
export function readItems(texts: readonly string[], label: string, expected: string): Items {
  if (texts.every(isIndicator)) {
    if (texts.length > MAX_IDS) throw badRequest(label, expected, texts);
    return { keys: texts as string[], items: undefined, names: NO_NAMES };
  }
  const byText = new Map<string, Item>();
  for (const text of texts) {
    const item = readItem(text, label);
    const bare = withoutBlanks(text);
    // One that is another's but for blanks counts once. It was read all the same: `e ps` is no `eps`.
    if (!byText.has(bare)) byText.set(bare, item);
    if (byText.size > MAX_IDS) throw badRequest(label, expected, texts);
  }
  const items = Array.from(byText.values());
  return { keys: items.map(({ key }) => key), items, names: namesOf(byText, label) };
}

/** The expression that `field` is. */
export function readSort(text: string, label: string, names: Names): Expression {
  checkBytes(text, label, MAX_CONDITION_BYTES);
  return readExpression(text, { label, names });
}

export function readWhere(text: string, label: string, names: Names): Condition {
  checkBytes(text, label, MAX_CONDITION_BYTES);
  return readCondition(text, { label, names });
}

function readItem(text: string, label: string): Item {
  if (isIndicator(text)) return { key: text, expression: { kind: 'indicator', name: text } };
  checkBytes(text, label, MAX_ITEM_BYTES);
  const equals = text.indexOf('=');
  const key = equals < 0 ? withoutBlanks(text) : text.slice(0, equals).replace(BLANKS_AT_ENDS, '');
  if (equals >= 0 && !isIndicator(key))
    throw wrong(label, `a name before = that could be an indicator's (${AN_INDICATOR})`, key);
  const expression = readExpression(text, { label, from: equals + 1 });
  if (indicatorsOf(expression).size === 0)
    throw wrong(label, 'at least one indicator in every item', `none in ${key}`);
  return { key, expression };
}

/** Checks the names of all items against each other. */
function namesOf(byText: ReadonlyMap<string, Item>, label: string): Names {
  const keys = new Set<string>();
  const names = new Map<string, Expression>();
  const indicators = new Set<string>();
  for (const [bare, item] of byText) {
    if (keys.has(item.key)) throw wrong(label, 'items with different keys', `two with ${item.key}`);
    keys.add(item.key);
    if (bare.includes('=')) names.set(item.key, item.expression);
    indicatorsOf(item.expression, indicators);
  }
  for (const name of names.keys())
    if (indicators.has(name))
      throw wrong(label, 'names that stand for no indicator', `${name}, which stands for both`);
  return names;
}

function checkBytes(text: string, label: string, max: number): void {
  const bytes = utf8Bytes(text);
  if (bytes > max) throw wrong(label, `at most ${max} bytes`, `${bytes} in ${show(text)}`);
}

function withoutBlanks(text: string): string {
  return text.replaceAll(' ', '');
}

/** `got` as it stands: it may hold a key, which `show` would cut. */
function wrong(label: string, expected: string, got: string): KamaitachiError {
  return new KamaitachiError('bad_request', `${label}: expected ${expected}, got ${got}`);
}
