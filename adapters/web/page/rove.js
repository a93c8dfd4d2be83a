// One Tab reaches a group of buttons, the arrow keys go on among them.

const ALONG = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
/** For a group where ← and → do something else. */
export const UPRIGHT = { ArrowUp: -1, ArrowDown: 1 };

/** Make a group of what is in it now and later. `steps()` returns how far each key goes. */
export function rove(group, steps = () => ALONG) {
  const reachable = (each) => {
    const hidden = each.closest("[hidden]");
    return !each.disabled && !(hidden && group.contains(hidden));
  };
  const all = () => [...group.querySelectorAll("button, a, [role=switch]")].filter(reachable);

  function settle() {
    const items = all();
    const stop = items.find((each) => each === document.activeElement) ?? items.find((each) => !each.tabIndex) ?? items[0];
    for (const each of items) if (each.tabIndex !== -(each !== stop)) each.tabIndex = -(each !== stop);
  }

  group.addEventListener("focusin", settle);
  group.addEventListener("keydown", (event) => {
    const by = steps()[event.key];
    const items = all();
    if (!by || !items.includes(event.target)) return;
    event.preventDefault();
    items.at((items.indexOf(event.target) + by) % items.length).focus();
  });
  const changes = { childList: true, subtree: true, attributeFilter: ["disabled", "hidden"] };
  new MutationObserver(settle).observe(group, changes);
  settle();
}
