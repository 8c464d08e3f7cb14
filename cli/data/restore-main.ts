/** `npm run restore`: a backup in the place of the master's database, which is kept aside. */
import process from 'node:process';
import { restore } from '../../master/store/copy.ts';
import { CommandError, helpText, readOptions } from '../import/command.ts';
import { amount, duration } from '../import/report.ts';
import { DATABASE_OPTIONS, databaseFile, runCommand } from './database.ts';

const HELP = `npm run restore -- BACKUP [options]
Checks a backup and puts it in the place of the master's database; the master must be stopped. What is there is kept as
kamaitachi.db.old. The history gets a new id, so that slaves drop what they have and fill again by themselves, one after the other.

${helpText(DATABASE_OPTIONS)}`;

process.exitCode = await runCommand('restore', async () => {
  const { given, rest } = readOptions(DATABASE_OPTIONS, process.argv.slice(2), process.env);
  if (given.help) {
    console.log(HELP);
    return 0;
  }
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
