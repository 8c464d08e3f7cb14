/** What bare servers answer: given by whoever starts them. */

export const ANSWER_VARIABLE = 'BENCH_ANSWER';
export const HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'x-kamaitachi-seq': '1',
  'x-request-id': '035056d3-nqi2',
};

export function bytesToAnswer(env: Record<string, string | undefined>): string {
  const answer = env[ANSWER_VARIABLE];
  if (answer === undefined) throw new Error(`${ANSWER_VARIABLE}: expected the answer, got nothing`);
  return answer;
}
