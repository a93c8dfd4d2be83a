// Dialogs that the browser's Back closes, the topmost first.

const open = [];
let ours = 0; // steps back that follow from a dialog that was closed otherwise

export function show(dialog) {
  dialog.showModal();
  open.push(dialog);
  history.pushState(null, "");
  dialog.addEventListener("close", closed, { once: true });
}

function closed({ target }) {
  const place = open.indexOf(target);
  if (place < 0) return;
  open.splice(place, 1);
  ours += 1;
  history.back();
}

addEventListener("popstate", () => {
  if (ours) ours -= 1;
  else open.pop()?.close();
});
