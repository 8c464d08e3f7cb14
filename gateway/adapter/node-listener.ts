/** Requests of a Node server as those of the web. One that cannot be one, by its `host` or path, is answered like any other error. */
import { getRequestListener, RequestError } from '@hono/node-server';
import { KamaitachiError, show } from '../../shared/base/errors.ts';
import { errorBody, errorHeaders, publicError } from '../../shared/http/envelope.ts';

type Fetch = Parameters<typeof getRequestListener>[0];

/** `hostname`: for requests that name no host. */
export function createNodeListener(fetch: Fetch, hostname: string): ReturnType<typeof getRequestListener> {
  return getRequestListener(fetch, { hostname, errorHandler });
}

function errorHandler(thrown: unknown): Response {
  const error =
    thrown instanceof RequestError
      ? new KamaitachiError('bad_request', `request: expected a path and a host, got ${show(thrown.message)}`)
      : publicError(thrown);
  return new Response(errorBody(error), { status: error.status, headers: errorHeaders(error) });
}
