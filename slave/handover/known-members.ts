/**
 * The members as last known, kept beside the data: a slave that starts together with an empty registry would otherwise
 * take the first view, of hardly anybody, for the whole cluster, and fill what the others hold.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { MAX_MEMBERS } from '../../shared/base/limits.ts';
import type { Remembered } from '../../shared/ownership/membership.ts';

const member = z.object({
  id: z.string().min(1),
  role: z.literal('slave'),
  address: z.string().min(1),
  weight: z.number().gt(0).max(16),
  zone: z.string(),
  version: z.string(),
});
const stored = z.object({
  /** Who remembers: under another name it would count its old self among the others. */
  node: z.string(),
  epoch: z.string(),
  members: z.array(member).max(MAX_MEMBERS),
});

/** Undefined where there is nothing of use: then the registry is all that is known. */
export async function readKnownMembers(path: string, node: string): Promise<Remembered | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch {
    // The first start, or a file that was cut off: as good as none.
    return undefined;
  }
  const { data } = stored.safeParse(value);
  return data?.node === node ? { epoch: data.epoch, members: data.members } : undefined;
}

export async function saveKnownMembers(path: string, node: string, known: Remembered): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify({ node, ...known }));
  await rename(`${path}.new`, path);
}
