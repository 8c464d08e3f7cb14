/** `npm run slave` */
import { runProcess } from '../shared/adapter/node-process.ts';
import { commandOf } from '../shared/base/program.ts';
import { startSlave } from './start.ts';

await runProcess('slave', commandOf('slave'), startSlave);
