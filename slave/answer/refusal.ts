/** What this slave will not answer though another one may, and why: gateways act on the reason. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import type { PartError } from '../../shared/link/messages.ts';

export class Refusal extends KamaitachiError {
  readonly reason: NonNullable<PartError['refusal']>;

  constructor(reason: Refusal['reason'], message: string) {
    super('unavailable', message);
    this.reason = reason;
  }
}
