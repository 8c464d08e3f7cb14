/** The discovery port: who is there. Adapters: embedded (a registry beside the master), etcd, static (a list). */

export type Role = 'slave' | 'gateway' | 'master';

export interface Member {
  /** Unique in the cluster and stable over restarts: it decides which slots a slave owns. */
  id: string;
  role: Role;
  /** `host:port` where it listens. */
  address: string;
  weight: number;
  zone: string;
  version: string;
}

/** What a registry knows at one moment. */
export interface RegistryView {
  /** Changes when the registry lost its memory (restarted empty, wiped, restored). */
  epoch: string;
  /** Members that hold a lease now. */
  members: Member[];
  /** Ids of members that said good-bye, as opposed to having vanished; kept for a few minutes. */
  departed: string[];
}

export interface Discovery {
  /**
   * Registers with a lease and keeps it, through outages of the registry, until `leave`. Resolves when it is first
   * registered; rejects only on a wrong configuration.
   */
  register(member: Member): Promise<Registration>;
  /** Calls `onView` with the first view and after every change; an outage of the registry is silence, not an empty view. */
  watch(onView: (view: RegistryView) => void): Promise<Watching>;
}

export interface Registration {
  /** Says good-bye: ownership moves at once. */
  leave(): Promise<void>;
}

export interface Watching {
  close(): void;
}
