/** Counts the transactions of a slave's file, in it and beside it, so that the next start sees whether some are gone. */
import { openMark } from '../../shared/adapter/mark.ts';
import type { Connection } from './database.ts';

export function countCommits(database: Connection, markPath: string): Connection {
  const setCommits = database.prepare("INSERT OR REPLACE INTO meta VALUES ('commits', ?)");
  const row = database.prepare("SELECT value FROM meta WHERE key = 'commits'").get();
  let commits = Number(row?.value ?? 0);
  const mark = openMark(markPath);
  return {
    ...database,
    transaction(body) {
      const result = database.transaction(() => {
        const made = body();
        setCommits.run(String(commits + 1));
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
