/** Counts the transactions of a slave's file, in it and beside it, so that the next start sees whether some are gone. */
import { openMark } from '../../shared/adapter/mark.ts';
import type { Connection } from './database.ts';
import { asBytes, readMeta, withSum } from './schema.ts';

/** How many transactions the file has taken. */
export function readCommits(database: Connection): number {
  const row = database.prepare(`SELECT ${asBytes('value')} FROM meta WHERE key = 'commits'`).get();
  return Number(readMeta('commits', row?.value));
}

export function countCommits(database: Connection, markPath: string): Connection {
  const setCommits = database.prepare("INSERT OR REPLACE INTO meta VALUES ('commits', ?)");
  let commits = readCommits(database);
  const mark = openMark(markPath);
  return {
    ...database,
    transaction(body) {
      const result = database.transaction(() => {
        const made = body();
        setCommits.run(withSum('commits', String(commits + 1)));
        return made;
      });
      mark.set(String(++commits));
      return result;
    },
    close() {
      mark.close();
      database.close();
    },
  };
}
