/** A breaker: after failures in a row a slave is left alone for a while, then tried with one request. */

export type BreakerState =
  | { kind: 'closed'; failures: number }
  | { kind: 'open'; until: number }
  /** One request is trying it out; it counts as lost when it has not come back by `until`. */
  | { kind: 'half-open'; until: number };

export interface BreakerOptions {
  failures: number;
  openMs: number;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  onChange: () => void;
}

export class Breaker {
  private readonly options: BreakerOptions;
  private state: BreakerState = CLOSED;
  opened = 0;

  constructor(options: BreakerOptions) {
    this.options = options;
  }

  get kind(): BreakerState['kind'] {
    return this.state.kind;
  }

  get failures(): number {
    return this.state.kind === 'closed' ? this.state.failures : this.options.failures;
  }

  /** Whether a request may be sent now. */
  get allows(): boolean {
    return this.state.kind === 'closed' || this.options.now() >= this.state.until;
  }

  /**
   * A request is being sent: where a breaker that was open allows it, it is the trial, and others are held back again. One that
   * is sent all the same, since nobody else is left, changes nothing: every change makes all routes anew.
   */
  begin(): void {
    if (this.state.kind === 'closed' || !this.allows) return;
    this.become({ kind: 'half-open', until: this.options.now() + this.options.openMs });
  }

  succeed(): void {
    if (this.state !== CLOSED) this.become(CLOSED);
  }

  fail(): void {
    const { failures, openMs, now } = this.options;
    if (this.state.kind === 'open') return;
    if (this.state.kind === 'closed' && this.state.failures + 1 < failures) {
      this.state = { kind: 'closed', failures: this.state.failures + 1 };
      return;
    }
    this.opened++;
    this.become({ kind: 'open', until: now() + openMs });
  }

  private become(state: BreakerState): void {
    const changes = this.state.kind !== state.kind || state.kind === 'half-open';
    this.state = state;
    if (changes) this.options.onChange();
  }
}

const CLOSED: BreakerState = { kind: 'closed', failures: 0 };
