/** A small network of its own: a namespace for each part on one bridge, and cables that can be cut between any two. */
import { spawnSync } from 'node:child_process';
import process from 'node:process';

/** Nobody has it: what is sent there is lost without a word. */
const NOWHERE = '02:00:00:00:00:99';

export class Network {
  private readonly prefix: string;
  private readonly base: string;
  private readonly namespaces = new Map<string, string>();

  /** Why there can be none here; undefined: there can. */
  static missing(): string | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      return 'it needs Linux, and to be root there';
    const probe = spawnSync('ip', ['netns', 'add', 'kmt-probe'], { encoding: 'utf8' });
    if (probe.status !== 0) return `no network namespaces here: ${(probe.stderr ?? 'no ip command').trim()}`;
    spawnSync('ip', ['netns', 'del', 'kmt-probe']);
    return undefined;
  }

  constructor(random: () => number) {
    const id = Math.floor(random() * 200) + 20;
    this.prefix = `kmt${id}`;
    this.base = `10.231.${id}`;
    ip('link', 'add', this.bridge, 'type', 'bridge');
    ip('addr', 'add', `${this.host}/24`, 'dev', this.bridge);
    ip('link', 'set', this.bridge, 'up');
  }

  /** Address of what runs outside. */
  get host(): string {
    return `${this.base}.1`;
  }

  /** Address of a part; it gets a namespace when it is first named. */
  address(name: string): string {
    const known = this.namespaces.get(name);
    if (known !== undefined) return known;
    const number = this.namespaces.size + 10;
    const address = `${this.base}.${number}`;
    const [inside, outside] = [`${this.prefix}i${number}`, `${this.prefix}o${number}`];
    this.namespaces.set(name, address);
    ip('netns', 'add', this.namespace(name));
    ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside);
    ip('link', 'set', inside, 'netns', this.namespace(name));
    ip('link', 'set', outside, 'master', this.bridge, 'up');
    this.in(name, 'link', 'set', inside, 'name', 'eth0');
    this.in(name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    this.in(name, 'link', 'set', 'eth0', 'up');
    this.in(name, 'link', 'set', 'lo', 'up');
    return address;
  }

  /** A command that runs in a part's namespace. */
  inside(name: string, file: string, args: readonly string[]): { file: string; args: string[] } {
    this.address(name);
    return { file: 'ip', args: ['netns', 'exec', this.namespace(name), file, ...args] };
  }

  /** Nothing passes between a part and another, or what runs outside (`host`), in either direction. */
  cut(a: string, b: string): void {
    this.lose(a, b);
    this.lose(b, a);
  }

  heal(a: string, b: string): void {
    this.find(a, b);
    this.find(b, a);
  }

  close(): void {
    for (const name of this.namespaces.keys()) spawnSync('ip', ['netns', 'del', this.namespace(name)]);
    spawnSync('ip', ['link', 'del', this.bridge]);
  }

  private get bridge(): string {
    return `${this.prefix}br`;
  }

  private namespace(name: string): string {
    return `${this.prefix}-${name}`;
  }

  private lose(from: string, to: string): void {
    this.neighbour(from, 'replace', this.addressOf(to), 'lladdr', NOWHERE, 'nud', 'permanent');
  }

  private find(from: string, to: string): void {
    this.neighbour(from, 'del', this.addressOf(to));
  }

  private neighbour(from: string, verb: string, address: string, ...rest: string[]): void {
    if (from === 'host') ip('neigh', verb, address, ...rest, 'dev', this.bridge);
    else this.in(from, 'neigh', verb, address, ...rest, 'dev', 'eth0');
  }

  private addressOf(name: string): string {
    return name === 'host' ? this.host : this.address(name);
  }

  private in(name: string, ...args: string[]): void {
    ip('-n', this.namespace(name), ...args);
  }
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}
