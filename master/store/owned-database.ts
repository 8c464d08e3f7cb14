/**
 * A database that this process has taken over. Every write says so in its own transaction: a master that had it before can
 * write no more, nor can a write of ours that was given up and is done late.
 */
import type { Client, InStatement, ResultSet } from '@libsql/client';
import { setMeta } from './schema.ts';
import { asBytes, type Bindable, type Sql, statement, text } from './sql.ts';

export class OwnedDatabase implements Sql {
  private readonly client: Client;
  /** A write that failed may still be done: only with a database on a server. */
  private readonly isRemote: boolean;
  private readonly writer = crypto.randomUUID();
  /** With our name, what makes the database ours; it grows after a write that failed. */
  private turn = 0;
  private mayComeLate = false;

  constructor(client: Client, isRemote: boolean) {
    this.client = client;
    this.isRemote = isRemote;
  }

  /** The statement that takes the database over. */
  takeOver(): InStatement {
    return setMeta('writer', this.token(this.turn));
  }

  /** Whether a value of `writer` is ours. */
  isOwn(token: string): boolean {
    return token.startsWith(this.writer);
  }

  readonly query = (sql: string, args: Bindable[] = []): Promise<ResultSet> =>
    this.client.execute(statement(sql, args));

  readonly write = async (statements: InStatement[]): Promise<ResultSet[]> => {
    await this.disownLateWrites();
    const guard = statement(
      `INSERT INTO meta(key, value)
       SELECT 'writer', NULL WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'writer' AND value = ?)`,
      [this.token(this.turn)],
    );
    try {
      return (await this.client.batch([guard, ...statements], 'write')).slice(1);
    } catch (error) {
      this.mayComeLate = this.isRemote;
      throw error;
    }
  };

  /**
   * A write that failed may still be on its way to a server, and be done after others that came later. Once this is done it
   * cannot be: call it before anything is read for the next write.
   */
  readonly disownLateWrites = async (): Promise<void> => {
    if (!this.mayComeLate) return;
    const before = this.turn;
    const { args } = setMeta('writer', this.token(before + 1)) as { args: Bindable[] };
    await this.client.execute({
      sql: `UPDATE meta SET value = ?2, sum = ?3 WHERE key = ?1 AND value = ?4`,
      args: [...args, this.token(before)],
    });
    // Who asked for it meanwhile may have been first, and another write have failed since.
    if (this.turn !== before) return;
    this.turn++;
    this.mayComeLate = false;
  };

  /** Whether no other master has taken the database over. */
  async isOurs(): Promise<boolean> {
    const { rows } = await this.query(`SELECT ${asBytes('value')} FROM meta WHERE key = 'writer'`);
    return this.isOwn(text(rows[0].value));
  }

  /** Writes next to nothing, to see whether writing works. */
  async probe(): Promise<void> {
    await this.write([statement(`UPDATE meta SET value = value WHERE key = 'writer'`)]);
  }

  private token(turn: number): string {
    return `${this.writer} ${turn}`;
  }
}
