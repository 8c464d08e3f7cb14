import { expect, test } from 'vitest';
import { verifyCluster } from './verify.ts';

test('a gateway that refuses is quoted, with what to give it', async () => {
  const verifying = verifyCluster({
    to: 'http://gateway.test',
    refill: false,
    onProgress: () => {},
    fetchStatus: async () =>
      Response.json({ status_code: 401, status_msg: 'API key: got none', data: null }, { status: 401 }),
  });
  await expect(verifying).rejects.toThrow(/answered 401: API key: got none; give --key \(.*admin/);
});
