/** `npm start`: a whole cluster on this machine, until Ctrl-C. */
import process from 'node:process';
import { optionsOrExit } from '../../shared/adapter/command-line.ts';
import { createNodePeerFetch } from '../../shared/adapter/node-peers.ts';
import { stopWithNpm } from '../../shared/adapter/npm.ts';
import { readSecrets } from '../../shared/adapter/secrets.ts';
import { commandOf } from '../../shared/base/program.ts';
import { type Options, UsageError } from '../../shared/options/config.ts';
import { checkExposure } from '../../shared/options/exposure.ts';
import { Cluster } from './cluster.ts';
import { loadSample, SAMPLE_QUERY, sampleKey } from './load-sample.ts';
import { withClusterToken } from './own-token.ts';
import { checkPorts } from './ports.ts';

const READY_MS = 120_000;
const SAME_SIGNAL_MS = 1_000;

const given = optionsOrExit(commandOf('start'), 'start');
try {
  await run(given);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exit(2);
}

async function run(given: Options): Promise<void> {
  checkExposure('start', given);
  const options = withClusterToken(given);
  const key = sampleKey(options, process.env.KAMAITACHI_KEY);
  const { access } = readSecrets(options);
  await checkPorts(options);
  const cluster = new Cluster(options, {
    onLine: (part, line) => console.error(`${part}: ${line}`),
    onRestart: (part, why, delayMs) => console.error(`${part} died (${why}): started again in ${delayMs} ms`),
    onUnsound: (part, why) => console.error(`${part} is left out for now: ${why.split('\n', 1)[0]}`),
    onGiveUp: (part, why) => fail(`${part} dies again and again: ${why}`),
  });
  let stoppingSince: number | undefined;
  let refusal: string | undefined;

  const stop = async (exitCode: number): Promise<void> => {
    if (stoppingSince !== undefined) {
      // One signal to a whole group comes twice: from the sender, and passed on by npm.
      if (performance.now() - stoppingSince < SAME_SIGNAL_MS) return;
      await cluster.kill();
    }
    stoppingSince ??= performance.now();
    await cluster.stop();
    process.exit(exitCode);
  };
  const fail = (why: string): void => {
    if (stoppingSince !== undefined) return;
    // The lines after the first are a part's own: they have been printed when it wrote them.
    console.error(`Kamaitachi stops: ${why.split('\n', 1)[0]}`);
    void stop(1);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(0));
  stopWithNpm('start', () => void stop(0));

  try {
    await cluster.start();
    refusal = await cluster.settled(READY_MS);
    if (refusal === undefined && options.sample === 'fundamentals')
      await loadSample({
        url: cluster.gateway.url,
        key,
        fetch: createNodePeerFetch({ token: undefined, ca: access.ca }),
      });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
  if (stoppingSince !== undefined) return;
  const { url } = cluster.gateway;
  const curl = ['curl -s'];
  if (options.tlsCa !== undefined) curl.push(`--cacert ${options.tlsCa}`);
  if (options.keys !== undefined) curl.push('-H "x-api-key: $KAMAITACHI_KEY"');
  if (refusal !== undefined) console.error(`Kamaitachi takes no writes: ${refusal}`);
  console.log(`Kamaitachi is ready${refusal === undefined ? '' : ' for reads'}: ${url}`);
  if (options.sample === 'fundamentals')
    console.log(`Try: ${curl.join(' ')} ${url}/kamaitachi/api/data/v1/snapshot -d '${SAMPLE_QUERY}'`);
  else console.log(`Try: ${curl.join(' ')} ${url}/kamaitachi/api/data/v1/topics`);
  console.log(`See: ${url}/console for the cluster and its data, ${url}/docs for the API`);
}
