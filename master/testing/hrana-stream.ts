/** One stream of the double of a libSQL server: a connection of its own, and values as they travel. */
import Database from 'libsql';

export type Value =
  | { type: 'null' }
  | { type: 'integer'; value: string }
  | { type: 'float'; value: number }
  | { type: 'text'; value: string }
  | { type: 'blob'; base64: string };

export interface Stmt {
  sql?: string;
  sql_id?: number;
  args?: Value[];
}

export type Condition =
  | { type: 'ok' | 'error'; step: number }
  | { type: 'not'; cond: Condition }
  | { type: 'and' | 'or'; conds: Condition[] }
  | { type: 'is_autocommit' };

export interface Batch {
  steps: { condition?: Condition | null; stmt: Stmt }[];
}

export interface BatchResult {
  step_results: (object | null)[];
  step_errors: (object | null)[];
}

/** An error with a code that a server gives. */
export class HranaError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const REFUSED = /^\s*(PRAGMA\s+(synchronous|wal_checkpoint|journal_mode)|ATTACH|DETACH|VACUUM)\b/i;
const QUOTED = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*/g;

export class Stream {
  readonly sqls = new Map<number, string>();
  private readonly database: InstanceType<typeof Database>;
  private readonly maxBytes: number;
  private thrownAway = false;

  constructor(path: string, maxBytes: number) {
    this.database = new Database(path, { timeout: 5_000 });
    this.database.exec('PRAGMA journal_mode = WAL');
    this.maxBytes = maxBytes;
  }

  get isWriting(): boolean {
    return this.database.inTransaction;
  }

  execute(stmt: Stmt): object {
    const sql = stmt.sql ?? this.sqls.get(stmt.sql_id!);
    if (sql === undefined) throw new HranaError('SQL_STORE_NOT_FOUND', `no SQL text ${stmt.sql_id}`);
    this.check(sql);
    const prepared = this.database.prepare(sql);
    const args = (stmt.args ?? []).map(toSql);
    if (!prepared.reader) {
      const { changes, lastInsertRowid } = prepared.run(args);
      return {
        ...{ cols: [], rows: [], affected_row_count: changes },
        last_insert_rowid: String(lastInsertRowid),
      };
    }
    const cols = prepared.columns().map(({ name, type }) => ({ name, decltype: type }));
    const rows: Value[][] = [];
    let bytes = 0;
    for (const row of prepared.safeIntegers(true).raw(true).all(args) as unknown[][]) {
      const values = row.map(fromSql);
      for (const value of values) bytes += sizeOf(value);
      if (bytes > this.maxBytes) throw new HranaError('RESPONSE_TOO_LARGE', 'Response is too large');
      rows.push(values);
    }
    return { cols, rows, affected_row_count: 0, last_insert_rowid: null };
  }

  sequence(sql: string): void {
    this.checkAlive();
    this.database.exec(sql);
  }

  /** Ends a transaction that others have waited for too long; its owner hears of it with the next statement. */
  throwAway(): void {
    this.database.exec('ROLLBACK');
    this.thrownAway = true;
  }

  /** Ready for another client. */
  reset(): void {
    if (this.database.inTransaction) this.database.exec('ROLLBACK');
    this.thrownAway = false;
    this.sqls.clear();
  }

  close(): void {
    this.database.close();
  }

  private check(sql: string): void {
    this.checkAlive();
    if (REFUSED.test(sql)) throw new HranaError('SQL_PARSE_ERROR', `SQL not allowed: ${sql.slice(0, 80)}`);
    if (/;\s*\S/.test(sql.replace(QUOTED, '')))
      throw new HranaError('SQL_MANY_STATEMENTS', 'SQL string contains more than one statement');
  }

  private checkAlive(): void {
    if (!this.thrownAway) return;
    this.thrownAway = false;
    throw new HranaError('TRANSACTION_TIMEOUT', 'Transaction timed out');
  }
}

function toSql(value: Value): unknown {
  switch (value.type) {
    case 'null':
      return null;
    case 'integer':
      return BigInt(value.value);
    case 'blob':
      return Buffer.from(value.base64, 'base64');
    default:
      return value.value;
  }
}

function fromSql(value: unknown): Value {
  if (value === null) return { type: 'null' };
  if (typeof value === 'bigint') return { type: 'integer', value: String(value) };
  if (typeof value === 'number') return { type: 'float', value };
  if (typeof value === 'string') return { type: 'text', value };
  // Without padding, as a server gives it.
  return {
    type: 'blob',
    base64: Buffer.from(value as ArrayBuffer)
      .toString('base64')
      .replace(/=+$/, ''),
  };
}

function sizeOf(value: Value): number {
  if (value.type === 'blob') return value.base64.length;
  return value.type === 'text' ? value.value.length : 8;
}
