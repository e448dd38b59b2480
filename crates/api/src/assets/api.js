// Asking the manager, and hearing of changes.

const PREFIX = '/api/v1';

/** The manager says no: `code`, `message`, `hint` and `items` as it said them. */
export class Refused extends Error {
  constructor(status, refusal) {
    super(refusal.message || `the manager answered ${status}`);
    Object.assign(this, { status, code: refusal.code, hint: refusal.hint, items: refusal.items ?? [] });
  }
}

/** Whether an error may be gone in a moment. */
export const passes = (error) => !(error instanceof Refused) || error.status === 429 || error.status >= 500;

/** No answer came. */
export class Unreachable extends Error {
  constructor() { super('the manager does not answer'); }
}

/** Asks, and gives the response with its JSON; what isn't JSON is left where it is. */
export async function begin(method, path, body, headers = {}) {
  const request = { method, headers: { accept: 'application/json', ...headers } };
  if (body !== undefined) {
    request.headers['content-type'] = 'application/json';
    request.body = JSON.stringify(body);
  }
  let response;
  let json = null;
  try {
    response = await fetch(PREFIX + path, request);
    if (response.headers.get('content-type')?.startsWith('application/json')) json = await response.json();
    else if (response.body) await response.body.cancel();
  } catch (error) { if (!(error instanceof SyntaxError)) throw new Unreachable(); }
  if (!response.ok) throw new Refused(response.status, json || {});
  return { response, json };
}

const ask = async (...request) => (await begin(...request)).json;

export const get = (path) => ask('GET', path);
export const post = (path, body) => ask('POST', path, body);
export const remove = (path) => ask('DELETE', path);

/** A refusal in one text: what, and what to change. */
export const inWords = (error) => (error.hint ? `${sentence(error.message)} ${sentence(error.hint)}` : sentence(error.message));

const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

/** Only what the manager itself serves is shown as a picture. */
export const isOurs = (url) => typeof url === 'string' && url.startsWith(`${PREFIX}/`);

/**
 * Hears of changes: `on.job`, `on.frame`, `on.node` with what changed, `on.reset` when everything
 * has to be read again (at the start too). Gives a function that ends it.
 */
export function watch(path, on, tellLive) {
  let source = null;
  let again = 0;
  const open = () => {
    source = new EventSource(PREFIX + path);
    for (const name of ['job', 'frame', 'node', 'reset']) {
      source.addEventListener(name, (event) => on[name]?.(JSON.parse(event.data)));
    }
    source.onopen = () => tellLive(true);
    source.onerror = () => {
      tellLive(false);
      // A browser tries again by itself, unless it was answered something else.
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, 3000);
    };
  };
  open();
  return () => { clearTimeout(again); source.close(); };
}

/** Calls `act` at most once in `ms`, and always after the last call. */
export function calmly(ms, act) {
  let timer = 0;
  return () => { timer ||= setTimeout(() => { timer = 0; act(); }, ms); };
}
