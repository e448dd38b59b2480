// Which jobs are selected, by id: also those that are not on the screen.

/** `items()` gives what is listed, in its order; `changed(ids)` is called with the ids whose selection changed. */
export function selection(items, changed) {
  const chosen = new Set();
  let anchor = null;
  const put = (id, is) => { if (is) chosen.add(id); else chosen.delete(id); };
  return {
    has: (id) => chosen.has(id),
    get size() { return chosen.size; },
    ids: () => [...chosen],
    /** Changes one; with `range`, all from the one before to it become as that one is. */
    toggle(id, range = false) {
      const ids = items().map((item) => item.id);
      const [from, to] = [ids.indexOf(anchor), ids.indexOf(id)];
      if (range && from >= 0 && to >= 0) {
        const is = chosen.has(anchor);
        const span = ids.slice(Math.min(from, to), Math.max(from, to) + 1);
        for (const other of span) put(other, is);
        return changed(span);
      }
      anchor = id;
      put(id, !chosen.has(id));
      changed([id]);
    },
    /** Moves on from the current one with shift: both are selected. */
    extend(id) {
      chosen.add(id);
      anchor ??= id;
      changed([id]);
    },
    all() {
      for (const item of items()) chosen.add(item.id);
      changed(null);
    },
    clear() {
      chosen.clear();
      anchor = null;
      changed(null);
    },
    /** Lets go of what is listed no more. */
    keep(known) {
      for (const id of chosen) if (!known(id)) chosen.delete(id);
    },
  };
}
