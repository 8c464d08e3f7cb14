/** All experiments, by number. */

import type { Experiment } from './experiment.ts';
import { masterKilled } from './experiments/01-master-killed.ts';
import { slaveKilled } from './experiments/02-slave-killed.ts';
import { slaveStopped } from './experiments/03-slave-stopped.ts';
import { masterStopped } from './experiments/04-master-stopped.ts';
import { etcdLost } from './experiments/05-etcd-lost.ts';
import { leaseLost } from './experiments/06-lease-lost.ts';
import { partitions } from './experiments/07-partitions.ts';
import { badLinks } from './experiments/08-bad-links.ts';
import { allSlavesGone } from './experiments/09-all-slaves-gone.ts';
import { diskFull } from './experiments/10-disk-full.ts';
import { fsyncFails } from './experiments/11-fsync-fails.ts';
import { damagedFiles } from './experiments/12-damaged-files.ts';
import { lyingFeed } from './experiments/13-lying-feed.ts';
import { clocks } from './experiments/14-clocks.ts';
import { slowClients } from './experiments/15-slow-clients.ts';
import { lyingLengths } from './experiments/16-lying-lengths.ts';
import { floods } from './experiments/17-floods.ts';
import { randomRequests } from './experiments/18-random-requests.ts';
import { hugeRequests } from './experiments/19-huge-requests.ts';
import { overload } from './experiments/20-overload.ts';
import { strangers } from './experiments/21-strangers.ts';
import { rollingRestart } from './experiments/22-rolling-restart.ts';
import { slavesComeAndGo } from './experiments/23-slaves-come-and-go.ts';
import { restored } from './experiments/24-restore.ts';
import { beyondTheLog } from './experiments/25-beyond-the-log.ts';
import { registryWiped } from './experiments/26-registry-wiped.ts';
import { lostMaster } from './experiments/27-lost-master.ts';
import { flippedBits } from './experiments/28-flipped-bits.ts';
import { quadraticBodies } from './experiments/31-quadratic-bodies.ts';

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
  lostMaster,
  flippedBits,
  quadraticBodies,
];
