/** Backup and restore of a database that is a file, also while an engine writes to it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IngestLine } from '../../shared/data/lines.ts';
import { readAll } from '../testing/content.ts';
import { openTestEngine, scratchFolder, type TestEngine } from '../testing/engine.ts';
import { backup, CopyError, RESTORE_STEP, restore } from './copy.ts';

let folder: ReturnType<typeof scratchFolder>;
let engine: TestEngine;
let path: string;
let copy: string;
/** Where to restore: another place than that of the running engine. */
let target: { dir: string; path: string };
let other: TestEngine | undefined;
beforeEach(async () => {
  folder = scratchFolder();
  path = `${folder.path}/k.db`;
  copy = `${folder.path}/copy.db`;
  target = { dir: `${folder.path}/target`, path: `${folder.path}/target/k.db` };
  other = undefined;
  engine = await openTestEngine(folder.path);
});
afterEach(async () => {
  await engine.close();
  await other?.close();
  folder.remove();
});

function record(time: number): IngestLine {
  return { type: 'record', subject: `s${time % 7}`, time, values: { eps: time, net_profit: null } };
}

async function write(from: number, to: number): Promise<void> {
  for (let time = from; time < to; time++)
    await engine.write([record(time)], { name: `key ${time}`, hash: 'x' });
}

const contents = (of = engine) => readAll(of.history, of.fill);

/** Opens what was restored. In this process a file can be opened, or be restored to, not both: libSQL closes late. */
async function opened(): Promise<TestEngine> {
  const { dir } = target;
  other = await openTestEngine(dir);
  return other;
}

describe('a backup', () => {
  it('is the database as of one moment, folded or not, while it is written to', async () => {
    await write(0, 20);
    await engine.fold();
    await write(20, 30);
    const before = await contents();
    const { history } = engine;
    expect(backup(path, copy)).toMatchObject({ path: copy, history, seq: 30, subjects: 7 });
    await write(30, 40);
    const result = restore(copy, target.path);
    const again = await opened();
    expect(await contents(again)).toEqual(before);
    expect(again.history).toBe(result.history);
    expect(again.history).not.toBe(history);
  });

  it('takes the place of an older one only when it is whole', async () => {
    await write(0, 3);
    backup(path, copy);
    await engine.fold();
    const before = readFileSync(copy);
    const database = new Database(path);
    database
      .prepare("UPDATE chunks SET data = CAST(substr(data, 1, 50) || X'a7' || substr(data, 52) AS BLOB)")
      .run([]);
    database.close();
    expect(() => backup(path, copy)).toThrow(/chunk of "s\d" is damaged/);
    expect(readFileSync(copy).equals(before)).toBe(true);
    expect(readdirSync(folder.path).filter((name) => name.includes('part'))).toEqual([]);
  });

  it('in the place of the database itself is refused: a master that goes on would write to a file without a name', async () => {
    await write(0, 3);
    expect(() => backup(path, path)).toThrow('is the database itself');
    symlinkSync(folder.path, `${folder.path}/other-way`);
    expect(() => backup(path, `${folder.path}/other-way/k.db`)).toThrow('is the database itself');
    await write(3, 5);
    expect(backup(path, `${folder.path}/good.db`)).toMatchObject({ seq: 5 });
  });

  it.each([
    ['is not there', () => {}, 'no such file'],
    ['is no database', (file: string) => writeFileSync(file, 'x'.repeat(9_000)), 'damaged'],
    [
      'is of something else',
      (file: string) => new Database(file).exec('CREATE TABLE meta(a)'),
      'of a Kamaitachi master',
    ],
  ])('of a file that %s is refused', (_what, make, said) => {
    const other = `${folder.path}/other.db`;
    make(other);
    expect(() => backup(other, copy)).toThrow(CopyError);
    expect(() => backup(other, copy)).toThrow(said);
    expect(existsSync(copy)).toBe(false);
  });
});

describe('a restore', () => {
  it('goes on with seqs that no write ever had, however far the lost history had come', async () => {
    await write(0, 5);
    backup(path, copy);
    expect(restore(copy, target.path)).toMatchObject({ seq: RESTORE_STEP, old: undefined });
    // The same copy again: what has been written since is lost too.
    expect(restore(copy, target.path)).toMatchObject({ seq: 2 * RESTORE_STEP, old: `${target.path}.old` });
    // And again, with nothing left of the database, but its mark knows how far it had come.
    writeFileSync(target.path, 'nothing');
    writeFileSync(`${target.path}-mark`, `history ${2 * RESTORE_STEP + 17}`);
    expect(restore(copy, target.path)).toMatchObject({ seq: 3 * RESTORE_STEP });
    // Each that was put aside is still there.
    expect(readFileSync(`${target.path}.old-2`, 'utf8')).toBe('nothing');
    expect(readFileSync(`${target.path}.old`).length).toBeGreaterThan(1_000);
    const again = await opened();
    expect((await again.write([record(1)])).seq).toBe(3 * RESTORE_STEP + 1);
  });

  it('keeps idempotency keys, and what the copy had not folded', async () => {
    await write(0, 5);
    await engine.fold();
    await write(5, 7);
    backup(path, copy);
    restore(copy, target.path);
    const again = await opened();
    expect(await again.write([record(3)], { name: 'key 3', hash: 'x' })).toEqual({ accepted: 1, seq: 4 });
    expect(again.state.head).toBe(RESTORE_STEP);
    await again.fold();
    expect(again.state.folded).toBe(RESTORE_STEP);
    expect(await contents(again)).toEqual(await contents());
  });

  it('is refused while a master has the database open, and leaves it alone', async () => {
    await write(0, 2);
    backup(path, copy);
    expect(() => restore(copy, path)).toThrow('a master has it open');
    await write(2, 3);
    expect(engine.state.head).toBe(3);
  });
});

describe('a master', () => {
  it('does not start on a database that stands before what was acknowledged', async () => {
    await write(0, 5);
    mkdirSync(target.dir);
    backup(path, target.path);
    writeFileSync(`${target.path}-mark`, `${engine.history} 6`);
    await expect(opened()).rejects.toThrow(/up to seq 6, .* got up to 5: .* npm run restore/);
    // One that cannot be read says nothing.
    writeFileSync(`${target.path}-mark`, `${engine.history} 6 17`);
    expect((await opened()).state.head).toBe(5);
    expect(readFileSync(`${target.path}-mark`, 'utf8').trim()).toMatch(
      new RegExp(`^${engine.history} 5 \\d+$`),
    );
  });

  it.each([
    ['is not there', 'no file', () => {}],
    ['is empty', 'an empty database', () => writeFileSync(target.path, '')],
    ['is of another history', 'one of another history', () => void backup(path, target.path)],
  ])(
    'does not start where the database %s that its mark knows, before a person says so',
    async (_, said, make) => {
      await write(0, 5);
      mkdirSync(target.dir);
      make();
      writeFileSync(`${target.path}-mark`, 'lost 7');
      await expect(opened()).rejects.toThrow(
        `expected history lost up to seq 7, which was acknowledged, got ${said}`,
      );
      expect(readFileSync(`${target.path}-mark`, 'utf8')).toBe('lost 7');
      other = await openTestEngine(target.dir, { newHistory: true });
      expect(other.state.origins).toEqual(['*']);
      await other.close();
      // It was said once.
      expect((await opened()).state).toMatchObject({ history: other.history, origins: ['*'] });
    },
  );

  it('says what to do about a file that is no database', async () => {
    mkdirSync(target.dir);
    writeFileSync(target.path, 'x'.repeat(9_000));
    await expect(opened()).rejects.toThrow(/it is damaged .*restore a backup: npm run restore/);
  });
});
