/** `npm run master` */
import { runProcess } from '../shared/adapter/node-process.ts';
import { startMaster } from './start.ts';

await runProcess('master', 'npm run master --', startMaster);
