// Who listens to a manager.

/** The events, in the order of the core's numbers (`tell` in src/lib.rs). */
export const NOTICES = ["signedin", "renewed", "signedout", "degraded", "recovered", "ending"];

export function createListeners() {
  const listeners = new Map(NOTICES.map((name) => [name, new Set()]));
  return {
    on(type, listener) {
      const set = listeners.get(type);
      if (!set) throw new TypeError(`there is no event ${JSON.stringify(type)}; there are ${NOTICES.join(", ")}`);
      // A function of its own, so that one listener may be added twice and removed once.
      const entry = (event) => listener(event);
      set.add(entry);
      return () => void set.delete(entry);
    },

    /** Listeners run after whatever runs now, in order, and one that throws disturbs no other. */
    emit(type, event) {
      const set = listeners.get(type);
      for (const listener of set) {
        queueMicrotask(() => {
          if (set.has(listener)) listener(event);
        });
      }
    },

    clear() {
      for (const set of listeners.values()) set.clear();
    },
  };
}
