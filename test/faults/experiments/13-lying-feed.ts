import { verifyCluster } from '../../../cli/data/verify.ts';
import { eventually } from '../../support/cluster.ts';
import { seconds } from '../experiment.ts';
import { LIES, LyingFeed } from '../lying-feed.ts';
import { startProxied } from '../proxied.ts';
import { isFreshEverywhere, underReads } from '../scene.ts';
import { Writer } from '../writer.ts';

/** A few of each, however slow the machine. */
const LEAST_TOLD = 3;
let feed: LyingFeed;

/** What comes from the master comes twice, in another order, cut off, or not at all: slaves take nothing that is not the answer to what they asked. */
export const lyingFeed = underReads({
  number: 13,
  name: 'the feed duplicated, reordered, cut, with a gap, for both slaves at once',
  isQuick: true,
  start: (options, random) =>
    startProxied(
      options,
      () => {},
      async (masterPort) => {
        feed = await LyingFeed.start(masterPort, random);
        return feed;
      },
    ),
  async fault({ cluster, stage, strike, recovered, note, breach }) {
    const { gateway, slaves } = cluster;
    const writer = new Writer(() => gateway.url);
    try {
      for (const lie of LIES) {
        strike(`pages ${lie === 'gap' ? 'left out' : lie}`);
        feed.lie = lie;
        await seconds(stage, 8);
        await eventually(`pages were ${lie}`, () => feed.told[lie] >= LEAST_TOLD);
        feed.lie = undefined;
        const { seq } = writer;
        await recovered('both slaves have what was written by now', () =>
          isFreshEverywhere(gateway.url, seq),
        );
      }
    } finally {
      feed.lie = undefined;
      await writer.stop();
    }
    for (const slave of slaves.values())
      for (const difference of await writer.differences(slave.url)) breach(`${slave.name}: ${difference}`);
    for (const complaint of writer.complaints) breach(complaint);
    for (const { node, badSlots, bad, error } of await verifyCluster({
      to: gateway.url,
      refill: false,
      onProgress: () => {},
    }))
      if (badSlots > 0 || error !== undefined) breach(`${node}: ${error ?? bad[0].why}`);
    note(
      `${LIES.map((lie) => `${feed.told[lie]} ${lie}`).join(', ')}; ${writer.acknowledged} writes acknowledged, ` +
        'both slaves equal what was, and the master',
    );
  },
});
