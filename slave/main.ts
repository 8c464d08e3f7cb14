/** `npm run slave` */
import { runProcess } from '../shared/adapter/node-process.ts';
import { startSlave } from './start.ts';

await runProcess('slave', 'npm run slave --', startSlave);
