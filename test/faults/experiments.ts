/** All experiments, by number. */
import { slaveKilled } from './02-slave-killed.ts';
import { slaveStopped } from './03-slave-stopped.ts';
import { badLinks } from './08-bad-links.ts';
import { allSlavesGone } from './09-all-slaves-gone.ts';
import { rollingRestart } from './22-rolling-restart.ts';
import { slavesComeAndGo } from './23-slaves-come-and-go.ts';
import type { Experiment } from './experiment.ts';

export const EXPERIMENTS: readonly Experiment[] = [
  slaveKilled,
  slaveStopped,
  badLinks,
  allSlavesGone,
  rollingRestart,
  slavesComeAndGo,
];
