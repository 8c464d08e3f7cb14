/**
 * A subject line replaces the subject's topics whole. So that an import into one pool takes nobody out of another,
 * the topics that the cluster knows already are added to the lines of a batch before it is sent.
 */
import type { Client } from './client.ts';
import type { Line } from './layout.ts';

const AT_ONCE = 8;

export async function keepTopics(client: Client, lines: readonly Line[]): Promise<Line[]> {
  const kept = [...lines];
  const waiting = lines.flatMap((line, index) => (line.topics ? [index] : []));
  const work = async (): Promise<void> => {
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      const line = JSON.parse(kept[index].text) as { subject: string; topics: string[] };
      const known = await topicsOf(client, line.subject);
      const topics = [...new Set([...known, ...line.topics])];
      kept[index] = { ...kept[index], text: JSON.stringify({ ...line, topics }) };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return kept;
}

async function topicsOf(client: Client, subject: string): Promise<string[]> {
  const { status, data } = await client.get(`/subjects?limit=1&prefix=${encodeURIComponent(subject)}`);
  if (status !== 200 || !Array.isArray(data)) return [];
  // The subject itself comes first among those that begin with its name.
  const [first] = data as { subject?: unknown; topics?: unknown }[];
  return first?.subject === subject && Array.isArray(first.topics) ? (first.topics as string[]) : [];
}
