/** What is done to an etcd behind its back, through the JSON face that it brings along. */

/** Forgets the history up to now: who watches from before it is told so, or never hears again. */
export async function compact(url: string): Promise<void> {
  const { header } = (await ask(url, 'kv/range', { key: 'AA==' })) as { header: { revision: string } };
  await ask(url, 'kv/compaction', { revision: header.revision, physical: true });
}

/** Puts something that is nobody's, so that there is history to forget. */
export async function scribble(url: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    await ask(url, 'kv/put', { key: btoa('faults/scribble'), value: btoa(String(i)) });
}

/** Takes every lease away; resolves with how many there were. */
export async function revokeAll(url: string): Promise<number> {
  const { leases = [] } = (await ask(url, 'lease/leases', {})) as { leases?: { ID: string }[] };
  for (const { ID } of leases) await ask(url, 'lease/revoke', { ID });
  return leases.length;
}

async function ask(url: string, path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(`${url}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`etcd ${path}: expected 200, got ${answer.status} ${await answer.text()}`);
  return answer.json();
}
