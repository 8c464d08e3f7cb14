/**
 * The shape of a JSON document however large: what is nested in what, with the first few values of each array and
 * object, read in one pass and kept in little memory.
 */

export type Path = readonly (string | number)[];

/** A string, a number or what else is no container; undefined where it is none that JSON knows. */
export interface Scalar {
  kind: 'scalar';
  value: unknown;
}

export interface Container {
  kind: 'array' | 'object';
  /** The first ones, and those on the way to where the reader was told to look. */
  entries: Map<string | number, Outline>;
  /** How many there are. */
  count: number;
  /** Where it stands, in UTF-16 units of the text, and its line. */
  start: number;
  end: number;
  line: number;
  endLine: number;
}

export type Outline = Scalar | Container;

const MAX_ITEMS = 8;
const MAX_KEYS = 200;
/** A longer name or text is cut: it is looked at, never imported. */
const MAX_TOKEN_CHARS = 1000;
const MAX_DEPTH = 1000;

interface Frame {
  node: Container;
  /** Of the entry that is read now. */
  key: string | number;
  isKey: boolean;
  /** Whether its entries are on the way to the place looked for. */
  isOnPath: boolean;
}

export class OutlineScanner {
  /** The values that stand beside one another in the document; mostly there is one. */
  readonly roots: Outline[] = [];
  rootCount = 0;
  /** Whether what is open is closed. */
  get isWhole(): boolean {
    return this.#stack.length === 0 && !this.#inString;
  }
  readonly #focus: Path;
  readonly #stack: Frame[] = [];
  #position = 0;
  #line = 1;
  #inString = false;
  #escaped = false;
  #token = '';

  /** `focus`: the place to look at, whatever comes before it. */
  constructor(focus: Path = []) {
    this.#focus = focus;
  }

  scan(piece: string): void {
    for (let i = 0; i < piece.length; i++) {
      const unit = piece.charCodeAt(i);
      if (unit === 0x0a) this.#line++;
      if (this.#inString) {
        if (this.#token.length < MAX_TOKEN_CHARS) this.#token += piece[i];
        if (this.#escaped) this.#escaped = false;
        else if (unit === 0x5c) this.#escaped = true;
        else if (unit === 0x22) {
          this.#inString = false;
          this.#string();
        }
      } else if (unit === 0x22) {
        this.#inString = true;
        this.#token = '"';
      } else if (unit === 0x7b || unit === 0x5b) this.#open(unit === 0x7b, this.#position + i);
      else if (unit === 0x7d || unit === 0x5d) {
        this.#literal();
        this.#close(this.#position + i + 1);
      } else if (unit === 0x2c) {
        this.#literal();
        const frame = this.#stack.at(-1);
        if (frame?.node.kind === 'object') frame.isKey = true;
      } else if (unit === 0x3a) {
        const frame = this.#stack.at(-1);
        if (frame !== undefined) frame.isKey = false;
      } else if (unit > 0x20) {
        if (this.#token.length < MAX_TOKEN_CHARS) this.#token += piece[i];
      } else if (this.#stack.length === 0) this.#literal();
    }
    this.#position += piece.length;
  }

  /** A number at the very end has nothing behind it. */
  end(): void {
    this.#literal();
  }

  #string(): void {
    const text = parsed(this.#token) ?? `${this.#token.slice(1)}…`;
    this.#token = '';
    const frame = this.#stack.at(-1);
    if (frame?.isKey) frame.key = String(text);
    else this.#add({ kind: 'scalar', value: text });
  }

  #literal(): void {
    if (this.#token === '') return;
    const value = parsed(this.#token);
    this.#token = '';
    this.#add({ kind: 'scalar', value });
  }

  #open(isObject: boolean, start: number): void {
    const kind = isObject ? 'object' : 'array';
    const line = this.#line;
    const node: Container = { kind, entries: new Map(), count: 0, start, end: start, line, endLine: line };
    const above = this.#stack.at(-1);
    const isOnPath = above === undefined || (above.isOnPath && this.#isNext(above.key));
    this.#add(node);
    if (this.#stack.length === MAX_DEPTH) throw new Error(`line ${line}: nested more than ${MAX_DEPTH} deep`);
    this.#stack.push({ node, key: 0, isKey: isObject, isOnPath });
  }

  #close(end: number): void {
    const frame = this.#stack.pop();
    if (frame === undefined) return;
    frame.node.end = end;
    frame.node.endLine = this.#line;
  }

  #add(value: Outline): void {
    const frame = this.#stack.at(-1);
    if (frame === undefined) {
      if (this.rootCount++ < MAX_ITEMS) this.roots.push(value);
      return;
    }
    const { node } = frame;
    const most = node.kind === 'array' ? MAX_ITEMS : MAX_KEYS;
    if (node.count < most || (frame.isOnPath && this.#isNext(frame.key))) node.entries.set(frame.key, value);
    node.count++;
    if (node.kind === 'array') frame.key = node.count;
  }

  /** Whether an entry of the innermost container is the next step to the place looked for. */
  #isNext(key: string | number): boolean {
    return this.#focus[this.#stack.length - 1] === key;
  }
}

/** Undefined where it is no JSON. */
function parsed(token: string): unknown {
  try {
    return JSON.parse(token);
  } catch {
    return undefined;
  }
}

/** `chart.result[0]`, `["Time Series (Daily)"]`; undefined where it is none. */
export function readPath(text: string): Path | undefined {
  const steps: (string | number)[] = [];
  const step = /\.?([^.[\]"]+)|\.?\[(\d+)\]|\.?\[("(?:[^"\\]|\\.)*")\]/y;
  step.lastIndex = text.startsWith('$') ? 1 : 0;
  while (step.lastIndex < text.length) {
    const found = step.exec(text);
    if (found === null) return undefined;
    const [, key, index, quoted] = found;
    if (quoted !== undefined) {
      const name = parsed(quoted);
      if (typeof name !== 'string') return undefined;
      steps.push(name);
    } else steps.push(index === undefined ? key : Number(index));
  }
  return steps;
}

export function writePath(path: Path): string {
  const text = path
    .map((step) => {
      if (typeof step === 'number') return `[${step}]`;
      return /^[^.[\]"]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    })
    .join('');
  return text.replace(/^\./, '') || '$';
}
