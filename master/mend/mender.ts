/** Mends slots of the database that are damaged, from the copies that slaves hold. */
import type { LogEvent } from '../../shared/base/log.ts';
import { COPY_PATH, type FillRequest } from '../../shared/data/feed.ts';

export interface MenderPorts {
  /** Where the database stands. */
  state: () => { history: string; folded: number; firstDamaged: readonly number[] };
  /** Addresses of the slaves that are live. */
  slaves: () => readonly string[];
  fetch: typeof fetch;
  /** Puts a page of copies in the place of what is damaged; returns how many slots it mended. */
  mend: (page: Uint8Array) => Promise<number>;
  log: LogEvent;
}

const FIRST_DELAY_MS = 500;
/** Where nobody has a copy. */
const MAX_DELAY_MS = 30_000;
const ASK_TIMEOUT_MS = 10_000;

export class Mender {
  private readonly ports: MenderPorts;
  private timer: NodeJS.Timeout | undefined;
  private delayMs = FIRST_DELAY_MS;
  private isClosed = false;

  constructor(ports: MenderPorts) {
    this.ports = ports;
  }

  /** Call after every change of the state: it begins when something is damaged. */
  look(): void {
    if (this.isClosed || this.timer !== undefined || this.ports.state().firstDamaged.length === 0) return;
    this.timer = setTimeout(() => void this.work(), this.delayMs);
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  private async work(): Promise<void> {
    let mended = 0;
    for (const address of this.ports.slaves()) {
      try {
        mended += await this.ask(address);
      } catch (error) {
        this.ports.log('mend', { slave: address, message: String(error) });
      }
    }
    this.delayMs = mended > 0 ? FIRST_DELAY_MS : Math.min(MAX_DELAY_MS, this.delayMs * 2);
    this.timer = undefined;
    this.look();
  }

  /** Asks one slave for as many of the damaged slots as it gives at once. */
  private async ask(address: string): Promise<number> {
    const { history, folded, firstDamaged } = this.ports.state();
    if (firstDamaged.length === 0 || this.isClosed) return 0;
    const body: FillRequest = { node: 'master', history, minSeq: folded, slots: [...firstDamaged] };
    const answer = await this.ports.fetch(`http://${address}${COPY_PATH}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    });
    if (!answer.ok) throw new Error(`it answered ${answer.status}: ${(await answer.text()).slice(0, 200)}`);
    return this.ports.mend(new Uint8Array(await answer.arrayBuffer()));
  }
}
