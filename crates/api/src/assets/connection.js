// Whether the manager answers, and since when it doesn't.

import { tell } from '/assets/dom.js';
import { clock } from '/assets/format.js';

/** A stream that breaks off for a moment is no news. */
const PATIENCE_MS = 1500;

/** `tellLive(is, why)` is called by views; `quiet()` where there is no connection to speak of. */
export function connection() {
  const live = document.getElementById('live');
  const away = document.getElementById('away');
  let heard = Date.now();
  let timer = 0;
  let lost = false;

  const say = (why) => {
    live.classList.remove('on');
    tell(live, 'no connection');
    away.hidden = false;
    const what = why ? `The manager answers, but can’t help at the moment: ${why}.` : 'The manager does not answer.';
    // The same words are not read aloud again with every try.
    tell(away, `${what} What you see is from ${clock(heard)}; it is asked again every few seconds, and nothing is lost.`);
  };
  return {
    tellLive(is, why) {
      if (is) {
        clearTimeout(timer);
        timer = 0;
        lost = false;
        heard = Date.now();
        live.classList.add('on');
        tell(live, 'live');
        away.hidden = true;
        return;
      }
      if (!lost) { heard = Date.now(); lost = true; }
      if (why) return say(why);
      timer ||= setTimeout(() => { timer = 0; if (lost) say(); }, PATIENCE_MS);
    },
    quiet() {
      clearTimeout(timer);
      timer = 0;
      lost = false;
      away.hidden = true;
      tell(live, '');
      live.classList.add('on');
    },
  };
}
