/** `npm run backup`: a copy of the master's database as of one moment, while writes go on. */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { backup } from '../../master/store/copy.ts';
import { commandOf } from '../../shared/base/program.ts';
import { nothingElse, type Options, readTool } from '../command.ts';
import { amount, duration } from '../import/report.ts';
import { DATABASE_OPTIONS, databaseFile, runCommand } from './database.ts';

const OPTIONS = {
  to: {
    value: 'PATH',
    says: 'the file to write, or a folder: then it is named by the moment; backups by default',
  },
  ...DATABASE_OPTIONS,
} as const satisfies Options;

const TOOL = {
  usage: `${commandOf('backup')} [options]`,
  says: "Copies the master's database, checks the copy, and prints where it stands. The master may run, on the same machine.",
  options: OPTIONS,
};

process.exitCode = await runCommand('backup', async () => {
  const asked = readTool(TOOL, process.argv.slice(2), process.env);
  if (asked === undefined) return 0;
  const { given, rest } = asked;
  nothingElse(rest);
  const from = databaseFile(given);
  const began = performance.now();
  const { path, history, seq, subjects, chunks, bytes } = backup(from, targetOf(given.to ?? 'backups'));
  console.log(
    `${path}: seq ${seq} of history ${history}, ${amount(subjects)} subjects, ${amount(chunks)} chunks, ` +
      `${amount(bytes)} bytes, checked, in ${duration(performance.now() - began)}`,
  );
  return 0;
});

function targetOf(to: string): string {
  const isFile = /\.\w+$/.test(to) && !(existsSync(to) && statSync(to).isDirectory());
  const moment = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  return isFile ? to : join(to, `kamaitachi-${moment}.db`);
}
