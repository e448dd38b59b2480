// Long lists: only what is on the screen is in the document, however many entries there are.
//
// Entries are placed in rows of equal height within a holder that is as high as all of them, and
// the page itself scrolls. The entry that has the focus stays in the document wherever it is.

const AHEAD_PX = 700;
const SETTLED_MS = 120;

/**
 * `layout(width)` gives `{ columns, height, gap }`, `key(item)` an entry's name, and
 * `draw(item, index)` its element. `handle(element)` is what of it takes the focus.
 * `number(element, index, all)` tells an entry which one it is of how many.
 * `settled(element, item)` is called for each entry on the screen
 * once scrolling has stopped: the place for what is dear, like pictures.
 */
export function virtual(holder, { layout, key, draw, number, handle, settled, moved }) {
  const shown = new Map();
  let items = [];
  let at = new Map();
  let form = { columns: 1, height: 1, gap: 0, width: 0 };
  let frame = 0;
  let calm = 0;
  let moving = false;
  let kept = null;

  const measure = () => {
    const width = holder.clientWidth;
    form = { ...layout(width), width };
    const rows = Math.ceil(items.length / form.columns);
    holder.style.height = `${Math.max(0, rows * (form.height + form.gap) - form.gap)}px`;
  };

  const range = () => {
    const top = -holder.getBoundingClientRect().top;
    const step = form.height + form.gap;
    const first = Math.max(0, Math.floor((top - AHEAD_PX) / step)) * form.columns;
    const last = Math.min(items.length, (Math.ceil((top + innerHeight + AHEAD_PX) / step) + 1) * form.columns);
    return [Math.min(first, items.length), Math.max(0, last)];
  };

  const place = (element, index) => {
    const column = index % form.columns;
    const row = Math.floor(index / form.columns);
    const width = (form.width - form.gap * (form.columns - 1)) / form.columns;
    element.style.width = `${width}px`;
    element.style.height = `${form.height}px`;
    element.style.transform = `translate(${column * (width + form.gap)}px, ${row * (form.height + form.gap)}px)`;
  };

  const show = () => {
    frame = 0;
    const [first, last] = range();
    const wanted = [];
    for (let index = first; index < last; index += 1) wanted.push(index);
    const far = kept === null ? undefined : at.get(kept);
    if (far !== undefined && far < first) wanted.unshift(far);
    if (far !== undefined && far >= last) wanted.push(far);
    const names = new Set(wanted.map((index) => key(items[index])));
    for (const [name, entry] of shown) if (!names.has(name)) { entry.element.remove(); shown.delete(name); }
    let next = holder.firstElementChild;
    let focused = null;
    for (const index of wanted) {
      const item = items[index];
      const name = key(item);
      let entry = shown.get(name);
      if (!entry || entry.item !== item) {
        const element = draw(item, index, entry?.element);
        if (entry && entry.element !== element) {
          if (entry.element.contains(document.activeElement)) focused = element;
          if (next === entry.element) next = next.nextElementSibling;
          entry.element.remove();
        }
        entry = { element, item, index: -1, form: null, all: -1 };
        shown.set(name, entry);
      }
      if (entry.index !== index || entry.form !== form) place(entry.element, index);
      if (entry.index !== index || entry.all !== items.length) number(entry.element, index, items.length);
      Object.assign(entry, { index, form, all: items.length });
      if (entry.element === next) next = next.nextElementSibling;
      else holder.insertBefore(entry.element, next);
    }
    // Drawn anew under the reader's hands, it keeps the focus.
    if (focused) handle(focused).focus({ preventScroll: true });
    if (!moving) settle();
    moved?.(first, last);
  };

  const settle = () => {
    if (settled) for (const entry of shown.values()) settled(entry.element, entry.item);
  };
  const soon = () => { frame ||= requestAnimationFrame(show); };
  const scrolled = () => {
    moving = true;
    clearTimeout(calm);
    calm = setTimeout(() => { moving = false; settle(); }, SETTLED_MS);
    soon();
  };
  const sized = new ResizeObserver(() => { if (holder.clientWidth !== form.width) { measure(); soon(); } });
  sized.observe(holder);
  addEventListener('scroll', scrolled, { passive: true });
  addEventListener('resize', soon);

  return {
    /** Shows these entries; one that is the same object as before is not drawn again. */
    set(now) {
      items = now;
      at = new Map(now.map((item, index) => [key(item), index]));
      measure();
      soon();
    },
    /** Draws these entries again, or all that are shown. */
    again(names) {
      for (const [name, entry] of shown) if (!names || names.has(name)) entry.item = null;
      soon();
    },
    /** Takes the layout anew. */
    reform() { measure(); soon(); },
    /** What of an entry takes the focus, brought onto the screen; the entry stays in the document until another is. */
    bring(name) {
      const index = at.get(name);
      if (index === undefined) return null;
      kept = name;
      const top = holder.getBoundingClientRect().top + Math.floor(index / form.columns) * (form.height + form.gap);
      // Neither under what stays at the top of the page, nor under what stays at its bottom.
      const [above, below] = [175, innerHeight - 110];
      if (top < above) scrollBy(0, top - above);
      else if (top + form.height > below) scrollBy(0, Math.min(top - above, top + form.height - below));
      show();
      const element = shown.get(name)?.element;
      return element ? handle(element) : null;
    },
    items: () => items,
    indexOf: (name) => at.get(name) ?? -1,
    columns: () => form.columns,
    end() {
      cancelAnimationFrame(frame);
      clearTimeout(calm);
      sized.disconnect();
      removeEventListener('scroll', scrolled);
      removeEventListener('resize', soon);
    },
  };
}
