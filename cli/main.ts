#!/usr/bin/env node
/** `kamaitachi`: every program of the project under one name, as an installed package has them. */
import process from 'node:process';
import { VERSION } from '../shared/base/version.ts';
import { asksFor } from '../shared/options/command-line.ts';
import { completion, SHELLS } from './completion.ts';
import { nearestProgram, PROGRAMS } from './programs.ts';

await main(process.argv.slice(2));

async function main([name, ...argv]: string[]): Promise<void> {
  if (name === undefined || name === 'help') return help(name === undefined ? 2 : 0);
  if (name.startsWith('-')) {
    const asked = asksFor([name]);
    if (asked === 'version') return console.log(VERSION);
    if (asked === 'help') return help(0);
  }
  if (name === 'completion') return complete(argv);
  const program = Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
  if (program === undefined)
    return refuse(`${name}: no such command; did you mean ${nearestProgram(name)}? (--help lists them all)`);
  // Programs read their arguments behind the name of the file that runs.
  process.argv.splice(2, 1);
  await program.run();
}

function help(exitCode: number): void {
  const rows = Object.entries(PROGRAMS).map(([name, { says }]): [string, string] => [name, says]);
  rows.push([`completion ${SHELLS.join('|')}`, 'prints a script that completes commands and options']);
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const text = [
    'usage: kamaitachi COMMAND [options]',
    '',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`),
    '',
    'kamaitachi COMMAND --help shows the options of a command, kamaitachi --version the version.',
  ].join('\n');
  if (exitCode === 0) console.log(text);
  else console.error(text);
  process.exitCode = exitCode;
}

function complete([shell, ...rest]: string[]): void {
  const script = rest.length === 0 ? completion(shell, Object.keys(PROGRAMS)) : undefined;
  if (script !== undefined) process.stdout.write(script);
  else refuse(`completion: expected one of ${SHELLS.join(', ')}, got ${shell ?? 'nothing'}`);
}

function refuse(why: string): void {
  console.error(why);
  process.exitCode = 2;
}
