// Moving through a long list by keyboard: one entry is the current one, and has the focus.

/** Whether a key is meant for what is being written, or for the system. */
export const isElsewhere = (event) => event.ctrlKey || event.metaKey || event.altKey
  || Boolean(document.querySelector('dialog[open]'))
  || event.target.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable]');

/**
 * Has arrow keys and j, k move through `list` (see virtual.js) and puts the focus
 * on them; `open(item)` and `toggle(item, event)` act on one. Gives a function that ends it.
 */
export function moveThrough(list, { name, open, toggle, clear, all }) {
  let current = null;
  // Only the current entry, or else the first, is on the way of the Tab key.
  const become = (wanted) => {
    const before = current === null ? list.items().slice(0, 1).map(name) : [current];
    current = wanted;
    list.again(new Set([...before, wanted]));
  };
  const to = (index, event) => {
    const items = list.items();
    if (!items.length) return;
    const item = items[Math.max(0, Math.min(items.length - 1, index))];
    become(name(item));
    list.bring(current)?.focus({ preventScroll: true });
    if (event.shiftKey) toggle?.(item, event, true);
  };
  const onkey = (event) => {
    if (isElsewhere(event)) return;
    const index = current === null ? -1 : list.indexOf(current);
    const columns = list.columns();
    const page = Math.max(1, Math.floor(innerHeight / 160)) * columns;
    const steps = {
      ArrowDown: index < 0 ? 1 : columns, j: index < 0 ? 1 : columns, ArrowUp: -columns, k: -columns,
      PageDown: page, PageUp: -page,
    };
    if (columns > 1) Object.assign(steps, { ArrowLeft: -1, ArrowRight: 1 });
    if (event.key === 'Escape') return clear?.();
    if (event.key in steps) to(index + steps[event.key], event);
    else if (event.key === 'Home') to(0, event);
    else if (event.key === 'End') to(Infinity, event);
    else if (event.key === 'a' && all) all();
    // A button or a link that has the focus acts by itself.
    else if (index < 0 || event.target.closest?.('button, a, summary')) return;
    else if (event.key === 'Enter') open(list.items()[index]);
    else if (event.key === ' ' || event.key === 'x') toggle?.(list.items()[index], event);
    else return;
    event.preventDefault();
  };
  addEventListener('keydown', onkey);
  return {
    end: () => removeEventListener('keydown', onkey),
    /** Makes an entry the current one, as a click on it does. */
    at: (item) => become(name(item)),
    isCurrent: (item, index) => (current === null ? index === 0 : current === name(item)),
  };
}
