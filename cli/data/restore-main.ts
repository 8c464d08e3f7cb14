/** `npm run restore`: a backup in the place of the master's database, which is kept aside. */

import process from 'node:process';
import { restore } from '../../master/store/copy.ts';
import { commandOf } from '../../shared/base/program.ts';
import { CommandError, readTool } from '../command.ts';
import { amount, duration } from '../import/report.ts';
import { DATABASE_OPTIONS, databaseFile, runCommand } from './database.ts';

const TOOL = {
  usage: `${commandOf('restore')} BACKUP [options]`,
  says: "Checks a backup and puts it in the place of the master's database; the master must be stopped. What is there is kept as kamaitachi.db.old. The history gets a new id, so that slaves drop what they have and fill again by themselves, one after the other.",
  options: DATABASE_OPTIONS,
};

process.exitCode = await runCommand('restore', async () => {
  const asked = readTool(TOOL, process.argv.slice(2), process.env);
  if (asked === undefined) return 0;
  const { given, rest } = asked;
  if (rest.length !== 1)
    throw new CommandError(`expected one backup, got ${rest.length} (--help says more)`, 2);
  const began = performance.now();
  const { path, old, history, seq, subjects, chunks } = restore(rest[0], databaseFile(given));
  console.log(
    `${path}: seq ${seq} of the new history ${history}, ${amount(subjects)} subjects, ${amount(chunks)} chunks, ` +
      `checked, in ${duration(performance.now() - began)}${old === undefined ? '' : `; what was there is ${old}`}`,
  );
  console.log('Start the master: slaves notice the new history and fill again by themselves.');
  return 0;
});
