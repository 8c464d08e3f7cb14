/** `npm run key`: makes an API key. The key is shown once; its hash is what the gateway's file gets. */

import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import process from 'node:process';
import { commandOf } from '../../shared/base/program.ts';
import { type ApiKey, keyLine, parseKeys, SCOPES, type Scope } from '../../shared/http/keys.ts';
import { CommandError, type Options, readTool } from '../command.ts';

const OPTIONS = {
  scopes: { value: 'A,B', says: `what it may do: ${SCOPES.join(', ')}` },
  keys: {
    value: 'FILE',
    says: "the gateway's file of keys, to add it to; without, the line is printed",
    variable: 'KAMAITACHI_KEYS',
  },
} as const satisfies Options;

const TOOL = {
  usage: `${commandOf('key')} NAME --scopes read,write [--keys FILE]`,
  says: 'A new API key for a client of this name. Take its line out of the file, and gateways refuse it within seconds.',
  options: OPTIONS,
};

process.exitCode = main();

function main(): number {
  try {
    const asked = readTool(TOOL, process.argv.slice(2), process.env);
    if (asked === undefined) return 0;
    const { given, rest } = asked;
    const [name] = rest;
    if (rest.length !== 1 || name.length > 128)
      throw new CommandError('NAME: expected one name of a client, such as dashboard (--help shows all)', 2);
    const { secret, line } = makeKey(name, scopesOf(given.scopes));
    // First to the file: a key that is shown is one that counts.
    if (given.keys !== undefined) append(resolve(process.env.INIT_CWD ?? '.', given.keys), line);
    console.log(secret);
    if (given.keys === undefined) console.log(line);
    console.error(
      `This is the only time that the key is shown. ${given.keys === undefined ? "The line below it belongs into the gateway's file of --keys." : `Its line is in ${given.keys}.`}`,
    );
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return error instanceof CommandError ? error.exitCode : 1;
  }
}

function makeKey(name: string, scopes: Scope[]): { secret: string; line: string } {
  // With a mark of its own, so that people and scanners of secrets know one when they see it.
  const secret = `kamaitachi_${randomBytes(32).toString('base64url')}`;
  const key: ApiKey = {
    id: randomBytes(6).toString('hex'),
    name,
    scopes,
    sha256: createHash('sha256').update(secret).digest('hex'),
  };
  return { secret, line: keyLine(key) };
}

function scopesOf(text = ''): Scope[] {
  const asked = new Set(text.split(',').map((item) => item.trim()));
  const scopes = SCOPES.filter((scope) => asked.has(scope));
  if (scopes.length === 0 || scopes.length !== asked.size)
    throw new CommandError(`--scopes: expected some of ${SCOPES.join(',')}, got ${text || 'nothing'}`, 2);
  return scopes;
}

function append(path: string, line: string): void {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const gap = before === '' || before.endsWith('\n') ? '' : '\n';
  try {
    parseKeys(`${before}${gap}${line}`);
  } catch (error) {
    throw new CommandError(`--keys ${path}: ${(error as Error).message}`);
  }
  appendFileSync(path, `${gap}${line}\n`, { mode: 0o600 });
}
