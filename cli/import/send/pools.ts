/**
 * A subject line replaces the subject's topics whole. So that an import into one pool takes nobody out of another,
 * the topics that the cluster knows already are added to the lines of a batch before it is sent.
 */
import type { Client } from '../client.ts';
import type { Line } from '../convert/line.ts';

interface Known {
  subject: string;
  topics: string[];
}

/** Up to so many subjects are asked for one by one; for more the whole list is read, once. */
const FEW = 20;
const PAGE = 1_000;

export class KnownTopics {
  readonly #client: Client;
  #all: Map<string, string[]> | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The lines, with the topics that their subjects are in already. */
  async keep(lines: readonly Line[]): Promise<readonly Line[]> {
    const named = lines.filter(({ topics }) => topics).length;
    if (named === 0) return lines;
    if (named > FEW) this.#all ??= await this.#list();
    const kept: Line[] = [];
    for (const line of lines) kept.push(line.topics ? await this.#joined(line) : line);
    return kept;
  }

  async #joined(line: Line): Promise<Line> {
    const said = JSON.parse(line.text) as Known;
    // The subject itself comes first among those that begin with its name.
    const known =
      this.#all === undefined
        ? (await this.#page('prefix', said.subject, 1)).find(({ subject }) => subject === said.subject)
            ?.topics
        : this.#all.get(said.subject);
    return {
      ...line,
      text: JSON.stringify({ ...said, topics: [...new Set([...(known ?? []), ...said.topics])] }),
    };
  }

  async #list(): Promise<Map<string, string[]>> {
    const all = new Map<string, string[]>();
    for (let page = await this.#page('after', '', PAGE); page.length > 0; ) {
      for (const { subject, topics } of page) if (topics.length > 0) all.set(subject, topics);
      page = page.length < PAGE ? [] : await this.#page('after', page.at(-1)!.subject, PAGE);
    }
    return all;
  }

  async #page(by: 'prefix' | 'after', text: string, limit: number): Promise<Known[]> {
    const query = text === '' ? '' : `&${by}=${encodeURIComponent(text)}`;
    const { status, data } = await this.#client.get(`/subjects?limit=${limit}${query}`);
    return status === 200 && Array.isArray(data) ? (data as Known[]) : [];
  }
}
