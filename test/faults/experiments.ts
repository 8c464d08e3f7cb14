/** All experiments, by number. */
import { masterKilled } from './01-master-killed.ts';
import { slaveKilled } from './02-slave-killed.ts';
import { slaveStopped } from './03-slave-stopped.ts';
import { masterStopped } from './04-master-stopped.ts';
import { etcdLost } from './05-etcd-lost.ts';
import { leaseLost } from './06-lease-lost.ts';
import { partitions } from './07-partitions.ts';
import { badLinks } from './08-bad-links.ts';
import { allSlavesGone } from './09-all-slaves-gone.ts';
import { diskFull } from './10-disk-full.ts';
import { fsyncFails } from './11-fsync-fails.ts';
import { damagedFiles } from './12-damaged-files.ts';
import { lyingFeed } from './13-lying-feed.ts';
import { clocks } from './14-clocks.ts';
import { slowClients } from './15-slow-clients.ts';
import { lyingLengths } from './16-lying-lengths.ts';
import { floods } from './17-floods.ts';
import { randomRequests } from './18-random-requests.ts';
import { hugeRequests } from './19-huge-requests.ts';
import { overload } from './20-overload.ts';
import { strangers } from './21-strangers.ts';
import { rollingRestart } from './22-rolling-restart.ts';
import { slavesComeAndGo } from './23-slaves-come-and-go.ts';
import { restored } from './24-restore.ts';
import { beyondTheLog } from './25-beyond-the-log.ts';
import { registryWiped } from './26-registry-wiped.ts';
import type { Experiment } from './experiment.ts';

export const EXPERIMENTS: readonly Experiment[] = [
  masterKilled,
  slaveKilled,
  slaveStopped,
  masterStopped,
  etcdLost,
  leaseLost,
  partitions,
  badLinks,
  allSlavesGone,
  diskFull,
  fsyncFails,
  damagedFiles,
  lyingFeed,
  clocks,
  slowClients,
  lyingLengths,
  floods,
  randomRequests,
  hugeRequests,
  overload,
  strangers,
  rollingRestart,
  slavesComeAndGo,
  restored,
  beyondTheLog,
  registryWiped,
];
