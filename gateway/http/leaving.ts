/**
 * The end of a gateway, as its clients see it: /ready fails and every answer asks for the connection to be closed, while
 * requests are still taken; when they have gone elsewhere the door is shut. Shut at once, it would break the requests
 * that are just being sent over connections that are kept.
 */
import { LEAVING_MS, LEFT_ALONE_MS } from '../../shared/base/limits.ts';

/** Who asks for these watches the gateway, and does not use it. */
const WATCHED = /\/(ready|health|metrics)$/;

export class Leaving {
  private readonly now: () => number;
  private beganAt: number | undefined;
  private lastAskedAt = 0;
  private left: (() => void) | undefined;

  constructor(now: () => number) {
    this.now = now;
  }

  get isOn(): boolean {
    return this.beganAt !== undefined;
  }

  /** Resolves when nobody has asked anything for a while, or has been told for long enough. */
  begin(): Promise<void> {
    this.beganAt = this.now();
    this.lastAskedAt = this.beganAt;
    return new Promise((resolve) => {
      this.left = resolve;
    });
  }

  /** An answer goes out. */
  answer(route: string, headers: Record<string, string>): void {
    if (!WATCHED.test(route)) this.lastAskedAt = this.now();
    headers.connection = 'close';
  }

  tick(now: number): void {
    if (this.beganAt === undefined || this.left === undefined) return;
    if (now - this.lastAskedAt < LEFT_ALONE_MS && now - this.beganAt < LEAVING_MS) return;
    this.left();
    this.left = undefined;
  }
}
