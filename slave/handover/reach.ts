/**
 * Slaves whose lease is lost, asked directly: one that answers still holds its slots, so nothing moves for a registry that
 * dropped it. One that does not is gone, and slots without any live owner need not wait for the delay.
 */
import type { Member } from '../../shared/discovery/discovery.ts';

export class Reach {
  private readonly ask: (address: string) => Promise<{ node: string }>;
  private readonly unreachable = new Set<string>();
  private readonly asking = new Set<string>();

  /** `ask`: what the slave at an address says that it is; rejects where none answers. */
  constructor(ask: (address: string) => Promise<{ node: string }>) {
    this.ask = ask;
  }

  /** Until it was asked in vain, a slave counts as reachable. */
  has(id: string): boolean {
    return !this.unreachable.has(id);
  }

  /** Asks those that are lost now; call it about twice a second. */
  async look(lost: readonly Member[]): Promise<void> {
    const ids = new Set(lost.map(({ id }) => id));
    for (const id of this.unreachable) if (!ids.has(id)) this.unreachable.delete(id);
    const due = lost.filter(({ id }) => !this.asking.has(id));
    await Promise.all(due.map((member) => this.askOne(member)));
  }

  private async askOne({ id, address }: Member): Promise<void> {
    this.asking.add(id);
    try {
      // Another slave may have got its address.
      if ((await this.ask(address)).node === id) this.unreachable.delete(id);
      else this.unreachable.add(id);
    } catch {
      this.unreachable.add(id);
    } finally {
      this.asking.delete(id);
    }
  }
}
